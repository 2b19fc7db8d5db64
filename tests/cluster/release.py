"""`Release`: the registry in the cluster, by its chart, out of another registry."""

import json
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from tests.accounts import ADMIN
from tests.clients.client import Reach
from tests.clients.helm import Helm
from tests.cluster.cluster import Cluster
from tests.cluster.site import Site
from tests.deploy.chart import CHART
from tests.warm import entrepot

from entrepot.auth.ca_folder import Folder

_KINDS = "all,configmap,secret,serviceaccount,networkpolicy,poddisruptionbudget,pvc,ingress"


class Release:
    """The chart in a namespace that takes only pods of the level `restricted`; clients come to a
    port of the node. Each upgrade has all `values` so far, and its own.
    """

    def __init__(
        self, cluster: Cluster, site: Site, namespace: str, folder: Path, image: dict[str, str]
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        # Of its own: packaged again the chart has other bytes, and a writer moves no tag.
        charts = f"oci://{site.address}/charts/{namespace}"
        self._source = f"{charts}/entrepot"
        self._helm = Helm(folder / "helm", Reach(site.address, site.ca))
        self._helm.env["KUBECONFIG"] = str(cluster.kubeconfig)
        self._helm.login(site.address, site.pusher)
        self._helm("package", CHART, "--destination", folder)
        self._helm("push", *self._helm.reach, next(folder.glob("entrepot-*.tgz")), charts)
        restrict(cluster, namespace)
        self.ca = self._certificate(folder / "tls")
        self.secret("admin", password=ADMIN.secret)
        self.values: dict[str, Any] = {
            "image": image,
            "admin": {"secret": {"name": "admin"}},
            "service": {"type": "NodePort"},
            "networkPolicy": {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        }

    def secret(self, name: str, **values: str) -> None:
        """Make a secret that the chart is told of."""
        given = [f"--from-literal={key}={value}" for key, value in values.items()]
        self._kubectl("create", "secret", "generic", name, *given)

    def install(self, **values: Any) -> None:
        """Return when it is ready, as `upgrade` does."""
        self._have("install", values)

    def upgrade(self, **values: Any) -> None:
        self._have("upgrade", values)

    def uninstall(self, *kept: str) -> None:
        """Return when nothing is there any more but what is kept."""
        self._helm("uninstall", "entrepot", "--namespace", self._namespace)
        self._cluster.until("all else is gone", lambda: self._left() == set(kept))

    def run(self, source: str) -> None:
        """Have a job done now that is else done at its time."""
        self._kubectl("create", "job", f"--from={source}", "now")
        self._kubectl("wait", "--for=condition=complete", "job/now", "--timeout=150s")

    @property
    def address(self) -> str:
        """Where clients come."""
        service = self._cluster.get("service", "entrepot", f"--namespace={self._namespace}")
        return f"{self._cluster.network.node}:{service['spec']['ports'][0]['nodePort']}"

    @property
    def pods(self) -> set[str]:
        """Those that there are."""
        found = self._cluster.get("pods", f"--namespace={self._namespace}")["items"]
        return {str(each["metadata"]["uid"]) for each in found}

    def _have(self, command: str, values: dict[str, Any]) -> None:
        self.values.update(values)
        file = self._helm.folder / "values.json"
        file.write_text(json.dumps(self.values))
        where = ["--namespace", self._namespace, *self._helm.reach]
        self._helm(command, "entrepot", self._source, *where, "--values", file)
        self._kubectl("rollout", "status", "deployment/entrepot", "--timeout=150s")
        self._cluster.until("the node's port leads there", self._answers)

    def _answers(self) -> bool:
        """kube-proxy takes a moment, and longer where services have just come and gone."""
        trust = ssl.create_default_context(cafile=str(self.ca))
        with suppress(httpx.TransportError):
            url = f"https://{self.address}/readyz"
            return httpx.get(url, verify=trust, timeout=5).status_code == 200
        return False

    def _left(self) -> set[str]:
        chosen = ["--selector=app.kubernetes.io/instance=entrepot"]
        found = self._cluster.get(_KINDS, *chosen, f"--namespace={self._namespace}")["items"]
        return {f"{each['kind']}/{each['metadata']['name']}" for each in found}

    def _certificate(self, folder: Path) -> Path:
        """Have one for the node's address; its CA."""
        name = f"--name={self._cluster.network.node}"
        done = entrepot("tls", "init", "--dir", str(folder), name)
        assert done.status == 0, done.error
        made = Folder(folder)
        pair = [f"--cert={made.server.cert}", f"--key={made.server.key}"]
        self._kubectl("create", "secret", "tls", "entrepot-tls", *pair)
        return made.ca.cert

    def _kubectl(self, *arguments: str) -> None:
        self._cluster.kubectl("--namespace", self._namespace, *arguments, within=180)


def restrict(cluster: Cluster, namespace: str) -> None:
    """Have the API server refuse pods that are not of this level, and warn of who makes such."""
    labels = [f"pod-security.kubernetes.io/{mode}=restricted" for mode in ("enforce", "warn")]
    cluster.kubectl("label", "namespace", namespace, *labels)
