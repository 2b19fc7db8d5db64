"""The `Case`s of a pod, a deployment or a namespace: each image once, as the cluster shows it.

What whoever asks may not read is left open, and never held against a pod.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from entrepot.kube.doctor.diagnosis import Case, Node
from entrepot.kube.doctor.image import Image, ImageError
from entrepot.kube.doctor.matching import matching
from entrepot.kube.doctor.pull_secret import PullSecret, State
from entrepot.kube.doctor.said import PULLS, meaning
from entrepot.kube.kubectl import Kubectl, KubectlError

_WAITING = PULLS | {"ErrImageNeverPull", "InvalidImageName"}
_TYPES = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")

Document = dict[str, Any]


class AbsentError(Exception):
    """There is no such pod, deployment or namespace."""


class Cases:
    """Reads a cluster; each object once."""

    def __init__(self, kubectl: Kubectl, namespace: str = "") -> None:
        self._kubectl = kubectl
        self._namespace = namespace
        self._secret = cache(self._read_secret)
        self._node = cache(self._read_node)
        self._account = cache(self._read_account)

    def of(self, target: str) -> list[Case]:
        """Those of POD, pod/POD, deployment/NAME or namespace/NAME; of all pods where it is "".

        Raises `AbsentError` and `KubectlError`.
        """
        kind, _, name = (target if "/" in target else f"pod/{target}").partition("/")
        if not target or kind in ("namespace", "ns"):
            pods = self._kubectl.every("pods", namespace=name or self._namespace)
            return _once(case for pod in pods for case in self._of_pod(pod))
        if kind in ("deployment", "deploy", "deployments", "deployments.apps", "deployment.apps"):
            return _once(self._of_deployment(self._found("deployment", name)))
        if kind not in ("pod", "pods", "po"):
            raise AbsentError(f"{target}: name a pod, deployment/NAME or namespace/NAME")
        return _once(self._of_pod(self._found("pod", name)))

    def _found(self, kind: str, name: str) -> Document:
        found = self._kubectl.get(kind, name, self._namespace)
        if found is None:
            where = f"namespace {self._namespace}" if self._namespace else "your namespace"
            raise AbsentError(f"there is no {kind} {name} in {where}")
        return found

    def _of_deployment(self, deployment: Document) -> Iterator[Case]:
        """Of its pods; of its template where there are none."""
        namespace = deployment["metadata"]["namespace"]
        chosen = f"--selector={_selector(deployment['spec']['selector'])}"
        pods = self._kubectl.every("pods", chosen, namespace=namespace)
        conditions = deployment.get("status", {}).get("conditions", ())
        failed = [c["message"] for c in conditions if c["type"] == "ReplicaFailure"]
        if pods and not failed:
            for pod in pods:
                yield from self._of_pod(pod)
            return
        spec = deployment["spec"]["template"]["spec"]
        metadata = {"namespace": namespace, "name": ""}
        for case in self._of_pod({"metadata": metadata, "spec": spec}):
            yield replace(case, forbidden=failed[0] if failed else "")

    def _of_pod(self, pod: Document) -> Iterator[Case]:
        spec, namespace = pod["spec"], str(pod["metadata"]["namespace"])
        account = spec.get("serviceAccountName") or "default"
        of_account = self._account(namespace, account)
        named = spec.get("imagePullSecrets")
        if not named and "serviceAccount" not in spec:  # a template: admission will add them
            named = (of_account or {}).get("imagePullSecrets")
        secrets = tuple(self._secret(namespace, each["name"]) for each in named or ())
        statuses = _statuses(pod)
        for container in _containers(spec):
            status = statuses.get(container["name"], {})
            waiting = status.get("state", {}).get("waiting", {})
            case = Case(
                namespace=namespace,
                pods=(pod["metadata"]["name"],) if pod["metadata"]["name"] else (),
                container=container["name"],
                image=container.get("image", ""),
                account=account,
                account_missing=of_account is None,
                secrets=secrets,
                node=self._node(spec.get("nodeName", "")),
                reason=waiting.get("reason", ""),
                said=waiting.get("message", ""),
                started=_started(pod, status),
            )
            yield case if case.started else replace(case, unused=self._unused(case))

    def _unused(self, case: Case) -> tuple[str, ...]:
        """Secrets that would be for the image, where the pod names none."""
        if case.secrets:
            return ()
        try:
            image = Image.parse(case.image)
            found = self._kubectl.every("secrets", namespace=case.namespace)
        except (ImageError, KubectlError):
            return ()
        read = [PullSecret.read(s["metadata"]["name"], s) for s in found if s["type"] in _TYPES]
        return tuple(each.name for each in read if matching(image, each.credentials))

    def _read_secret(self, namespace: str, name: str) -> PullSecret:
        try:
            found = self._kubectl.get("secret", name, namespace)
        except KubectlError as error:
            return PullSecret(name, State.UNSEEN, why=str(error))
        if found is not None:
            return PullSecret.read(name, found)
        return PullSecret(name, State.MISSING, elsewhere=self._elsewhere(name))

    def _elsewhere(self, name: str) -> tuple[str, ...]:
        chosen = f"--field-selector=metadata.name={name}"
        try:
            found = self._kubectl.every("secrets", chosen, namespace="*")
        except KubectlError:
            return ()
        return tuple(each["metadata"]["namespace"] for each in found if each["type"] in _TYPES)

    def _read_node(self, name: str) -> Node:
        """Where a pod has no node yet: of the platform that all nodes have."""
        try:
            if name:
                found = self._kubectl.get("node", name)
                return _read_node(found) if found else Node(name)
            platforms = {_read_node(each).platform for each in self._kubectl.every("nodes")}
        except KubectlError:
            return Node(name)
        return Node(platform=platforms.pop() if len(platforms) == 1 else "")

    def _read_account(self, namespace: str, name: str) -> Document | None:
        """None where there is none; empty where it may not be read."""
        try:
            return self._kubectl.get("serviceaccount", name, namespace)
        except KubectlError:
            return {}


def _read_node(node: Document) -> Node:
    status = node.get("status", {})
    info = status.get("nodeInfo", {})
    platform = (
        f"{info['operatingSystem']}/{info['architecture']}" if info.get("architecture") else ""
    )
    full = any(
        each["type"] == "DiskPressure" and each["status"] == "True"
        for each in status.get("conditions", ())
    )
    return Node(node["metadata"]["name"], platform, full)


def _containers(spec: Document) -> list[Document]:
    return [
        *spec.get("initContainers", ()),
        *spec["containers"],
        *spec.get("ephemeralContainers", ()),
    ]


def _statuses(pod: Document) -> dict[str, Document]:
    status = pod.get("status", {})
    kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    return {each["name"]: each for kind in kinds for each in status.get(kind, ())}


def _started(pod: Document, status: Document) -> bool:
    """Whether the image was pulled, and nothing is wrong with it since."""
    if status.get("state", {}).get("waiting", {}).get("reason") in _WAITING:
        return False
    return bool(status.get("imageID")) or pod.get("status", {}).get("phase") == "Succeeded"


def _selector(selector: Document) -> str:
    """As kubectl takes it."""
    parts = [f"{key}={value}" for key, value in selector.get("matchLabels", {}).items()]
    for each in selector.get("matchExpressions", ()):
        key, values = each["key"], ",".join(each.get("values", ()))
        written = {"Exists": key, "DoesNotExist": f"!{key}", "In": f"{key} in ({values})"}
        parts.append(written.get(each["operator"], f"{key} notin ({values})"))
    return ",".join(parts)


def _once(cases: Iterable[Case]) -> list[Case]:
    """Pods that fare alike with an image share a case."""
    found: dict[object, Case] = {}
    for case in cases:
        alike = case.namespace, case.image, case.secrets, case.started, meaning(case.said)
        first = found.setdefault((*alike, case.reason in _WAITING, case.node.full), case)
        pods = dict.fromkeys((*first.pods, *case.pods))
        found[(*alike, case.reason in _WAITING, case.node.full)] = replace(first, pods=tuple(pods))
    return list(found.values())
