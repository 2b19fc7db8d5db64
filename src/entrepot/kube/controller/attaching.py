"""What lets pods use a pull secret: a reference in their service account, or in their template.

An annotation says which references are the controller's; others are never touched.
"""

from collections.abc import Collection, Mapping
from typing import Any

from entrepot.kube.controller.access import GROUP

ADDED = f"{GROUP}/pull-secrets"

_TEMPLATES = {"CronJob": ("jobTemplate", "spec", "template")}


def account_patch(account: Mapping[str, Any], secrets: Collection[str]) -> dict[str, Any] | None:
    """A merge patch by which an account refers to these of ours; None where it does.

    The list is atomic for Kubernetes, so it is sent whole, held to the version that was read.
    """
    metadata = account["metadata"]
    has = [each.get("name", "") for each in account.get("imagePullSecrets") or ()]
    others = [name for name in has if name not in added(metadata)]
    ours = sorted(name for name in secrets if name not in others)
    said = metadata.get("annotations") or {}
    listed = ",".join(ours) or None
    names = [*others, *ours]
    if sorted(has) == sorted(names) and said.get(ADDED) == listed:
        return None
    return {
        "metadata": {
            "resourceVersion": metadata["resourceVersion"],
            "annotations": {ADDED: listed},
        },
        "imagePullSecrets": [{"name": name} for name in names],
    }


def template_patch(workload: Mapping[str, Any], secrets: Collection[str]) -> dict[str, Any] | None:
    """What to apply to a workload, whose pods are made anew by it; None where it is so."""
    metadata = workload["metadata"]
    if added(metadata) == set(secrets):
        return None
    applied: dict[str, Any] = {
        "apiVersion": workload["apiVersion"],
        "kind": workload["kind"],
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
    }
    if secrets:
        applied["metadata"]["annotations"] = {ADDED: ",".join(sorted(secrets))}
        template: dict[str, Any] = {
            "spec": {"imagePullSecrets": [{"name": name} for name in sorted(secrets)]}
        }
        for part in reversed(_TEMPLATES.get(workload["kind"], ("template",))):
            template = {part: template}
        applied["spec"] = template
    return applied


def added(metadata: Mapping[str, Any]) -> set[str]:
    """References that are the controller's."""
    return set(((metadata.get("annotations") or {}).get(ADDED) or "").split(",")) - {""}
