"""A namespace whose pods a policy, a webhook or a quota of the cluster keeps from being made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.cluster import Cluster
from tests.cluster.pod import pod
from tests.cluster.site import Site
from tests.registry import free_port

NAME = "policed"
_PODS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
_HERE = {"matchLabels": {"kubernetes.io/metadata.name": NAME}}


@contextmanager
def policed(cluster: Cluster, site: Site) -> Iterator[None]:
    """It is, until the block ends; what comes to be at once is not yet kept from it."""
    made = [_policy(site), _binding(), _webhook()]
    with cluster.namespace(NAME):
        cluster.apply(*made, _quota())
        yield
        for each in made:
            cluster.kubectl("delete", each["kind"], each["metadata"]["name"])


def unwanted(cluster: Cluster, site: Site) -> None:
    """Make what gets no pods, and return when it is known why."""
    app = f"{site.address}/ward/app:1.0"
    cluster.apply(
        deployment("against-policy", pod("x", app), NAME),
        deployment("against-webhook", pod("x", "elsewhere.test/app"), NAME),
        {
            **deployment("against-quota", pod("x", "elsewhere.test/app"), NAME),
            "kind": "StatefulSet",
        },
    )
    chosen = ("events", f"--namespace={NAME}", "--field-selector=reason=FailedCreate")

    def told() -> bool:
        return len({each["involvedObject"]["uid"] for each in cluster.get(*chosen)["items"]}) == 3

    cluster.until("all three are refused", told, namespace=NAME)


def deployment(name: str, pod: Any, namespace: str, replicas: int = 1) -> Any:
    labels = {"app": f"{name}-deployment"}
    spec = {**pod["spec"], "restartPolicy": "Always"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _policy(site: Site) -> Any:
    forbids = f"object.spec.containers.all(c, !c.image.startsWith('{site.address}/'))"
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "not-from-there"},
        "spec": {
            "matchConstraints": {"resourceRules": [_PODS]},
            "validations": [{"expression": forbids, "message": "images come from elsewhere"}],
        },
    }


def _binding() -> Any:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "not-from-there"},
        "spec": {
            "policyName": "not-from-there",
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": _HERE},
        },
    }


def _webhook() -> Any:
    """Nothing listens there."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "away"},
        "webhooks": [
            {
                "name": "pods.away.test",
                "rules": [_PODS],
                "namespaceSelector": _HERE,
                "objectSelector": {"matchLabels": {"app": "against-webhook-deployment"}},
                "clientConfig": {"url": f"https://127.0.0.1:{free_port()}/"},
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 1,
            }
        ],
    }


def _quota() -> Any:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": NAME},
        "spec": {"hard": {"pods": "0"}},
    }
