"""`Access`: a PullAccess, as whoever administers the cluster has it, and what comes of it."""

import base64
import json
from contextlib import closing
from typing import Any

from tests.cluster.cluster import Cluster
from tests.cluster.site import Site

from entrepot.db import engine


class Access:
    """One of them, by its name."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self.name = name
        self.secret = f"entrepot-pull-{name}"

    def say(self, **spec: Any) -> None:
        self._cluster.apply(
            {
                "apiVersion": "entrepot.dev/v1alpha1",
                "kind": "PullAccess",
                "metadata": {"name": self.name},
                "spec": spec,
            }
        )

    def ready(self) -> None:
        """Return once it is, as of what it says now."""

        def is_ready() -> bool:
            status, generation = self._state()
            return status.get("observedGeneration") == generation and self._is(status, "True")

        self._cluster.until(f"{self.name} is ready", is_ready)

    def failed(self, *words: str) -> str:
        """What it says once it is not ready, and says so."""

        def message() -> str | None:
            status, _ = self._state()
            said = [each["message"] for each in status.get("conditions", ())]
            fails = self._is(status, "False")
            return said[0] if fails and all(word in said[0] for word in words) else None

        return self._cluster.until(f"{self.name} says {words}", message)

    def delete(self) -> None:
        self._cluster.kubectl("delete", "pullaccess", self.name)

    def _state(self) -> tuple[dict[str, Any], int]:
        found = self._cluster.get("pullaccess", self.name)
        return found.get("status", {}), found["metadata"]["generation"]

    def _is(self, status: dict[str, Any], value: str) -> bool:
        return [each["status"] for each in status.get("conditions", ())] == [value]


def attached(cluster: Cluster, namespace: str, account: str = "default") -> list[str]:
    """Pull secrets that a service account refers to."""
    found = cluster.get("serviceaccount", account, f"--namespace={namespace}")
    return [each["name"] for each in found.get("imagePullSecrets", ())]


def secrets(cluster: Cluster, namespace: str) -> set[str]:
    found = cluster.get("secrets", f"--namespace={namespace}")["items"]
    return {each["metadata"]["name"] for each in found}


def robots(site: Site, namespace: str) -> list[str]:
    """Robots of a namespace, at the registry."""
    with closing(engine.connect(site.registry.data)) as db:
        rows = db.execute("select name from account where name like ?", (f"kube.%.{namespace}",))
        return [str(name) for (name,) in rows]


def attached_anywhere(cluster: Cluster, namespace: str) -> list[str]:
    found = cluster.get("serviceaccounts", f"--namespace={namespace}")["items"]
    return [ref["name"] for each in found for ref in each.get("imagePullSecrets", ())]


def password(cluster: Cluster, namespace: str, access: Access) -> str:
    found = cluster.get("secret", access.secret, f"--namespace={namespace}")
    config = json.loads(base64.b64decode(found["data"][".dockerconfigjson"]))
    (entry,) = config["auths"].values()
    return str(entry["password"])
