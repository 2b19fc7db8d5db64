"""What the audit shows of a workload: where its token comes from, in words of its platform.

Sources: Kubernetes, "Configure Service Accounts for Pods" (bound tokens); GitHub, "OpenID Connect
reference"; GitLab, "OpenID Connect (OIDC) Authentication Using ID Tokens".
"""

from collections.abc import Mapping
from typing import Any

from entrepot.auth.oidc.claims import find, shown, texts

_PATHS = {
    "subject": "sub",
    "issuer": "iss",
    # Kubernetes
    "namespace": "kubernetes.io/namespace",
    "serviceaccount": "kubernetes.io/serviceaccount/name",
    "pod": "kubernetes.io/pod/name",
    "node": "kubernetes.io/node/name",
    # GitHub
    "repository": "repository",
    "workflow": "workflow",
    "actor": "actor",
    "run": "run_id",
    # GitLab
    "project_path": "project_path",
    "pipeline": "pipeline_id",
    "job": "job_id",
    "user": "user_login",
    # both
    "ref": "ref",
}


def details(claims: Mapping[str, Any]) -> dict[str, str]:
    """What verified claims say of who came; values are bounded and safe to show."""
    found = {name: ", ".join(texts(find(claims, path))) for name, path in _PATHS.items()}
    return {name: text for name, value in found.items() if (text := shown(value))}
