"""`Fleet`: controllers of a cluster, with the rights that the chart gives them and no others."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests.cluster.cluster import Cluster
from tests.cluster.operator import Operator
from tests.cluster.process import Process
from tests.cluster.site import Site
from tests.deploy.chart import CHART, Manifest, render
from tests.registry import free_port

ACCOUNT = "entrepot-controller"
VALUES = {
    "enabled": True,
    "cluster": "test",
    "podTemplates": True,
    "report": "https://registry.test",
}
_ESTABLISHED = ("--for=condition=Established", "--timeout=150s")
_RIGHTS = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")


class Running:
    """One controller."""

    def __init__(
        self, folder: Path, kubeconfig: Path, namespace: str, ca: Path, report: str
    ) -> None:
        self.port = free_port()
        number = len(list(folder.glob("controller-*.log")))
        options = ["--cluster", "test", "--namespace", namespace, "--ca", str(ca)]
        listen = ["--pod-templates", "--report", report, "--listen", f"127.0.0.1:{self.port}"]
        source = os.pathsep.join(path for path in sys.path if path)
        self._process = Process(
            [
                "env",
                f"KUBECONFIG={kubeconfig}",
                f"PYTHONPATH={source}",
                *(sys.executable, "-m", "entrepot", "kube", "controller"),
                *(*options, *listen),
            ],
            folder / f"controller-{number}.log",
        )
        self.kill, self.stop = self._process.kill, self._process.stop
        self._process.until(lambda: bool(self.metrics()))

    @property
    def works(self) -> bool:
        return "entrepot_controller_works 1.0" in self.metrics()

    @property
    def log(self) -> str:
        return self._process.log.read_text()

    def rotations(self, host: str) -> float:
        """Passwords that it made at a registry."""
        line = rf'entrepot_controller_rotations_total{{registry="{re.escape(host)}"}} (\S+)'
        found = re.search(line, self.metrics())
        return float(found[1]) if found else 0.0

    def metrics(self) -> str:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=5).text
        except httpx.TransportError:
            return ""


class Fleet:
    """Those of one cluster; they live in a namespace of their own."""

    def __init__(
        self, cluster: Cluster, namespace: str, folder: Path, operator: Operator, *sites: Site
    ) -> None:
        self.operator = operator
        self._cluster = cluster
        self.namespace = namespace
        self._folder = folder
        self._ca = folder / "ca.pem"
        self._ca.write_text("".join(site.ca.read_text() for site in sites))
        self.rights = rights(namespace)
        cluster.kubectl("apply", "--server-side", "-f", CHART / "crds")
        cluster.kubectl("wait", *_ESTABLISHED, "crd/pullaccesses.entrepot.dev")
        cluster.apply(*self.rights)
        self._kubeconfig = self._config()
        self._report = f"https://{sites[0].address}"

    @property
    def user(self) -> str:
        """Who they are to the API server."""
        return f"system:serviceaccount:{self.namespace}:{ACCOUNT}"

    @contextmanager
    def one(self) -> Iterator[Running]:
        """A controller until the block ends."""
        made = Running(self._folder, self._kubeconfig, self.namespace, self._ca, self._report)
        try:
            yield made
        finally:
            made.stop()
        assert "Traceback" not in made.log, made.log

    def _config(self) -> Path:
        where = ["--namespace", self.namespace, "--duration=4h"]
        token = self._cluster.kubectl("create", "token", ACCOUNT, *where).strip()
        config = json.loads(self._cluster.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token}
        path = self._folder / "controller.kubeconfig"
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        return path


def rights(namespace: str) -> list[Manifest]:
    """What the chart makes for a controller in a namespace, but for the controller itself."""
    rendered = render({"controller": VALUES}, namespace=namespace)
    found = [
        each
        for each in rendered.manifests
        if each["kind"] in _RIGHTS and "controller" in each["metadata"]["name"]
    ]
    for each in found:
        if not each["kind"].startswith("Cluster"):
            each["metadata"]["namespace"] = namespace
    return found


def granted(manifests: list[Manifest]) -> set[tuple[str, str, str]]:
    """Group, resource and verb of all that roles allow."""
    return {
        (group, resource, verb)
        for each in manifests
        for rule in each.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(entries: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """The same, of what the API server wrote down."""
    found = set()
    for each in entries:
        about = each.get("objectRef")
        if about is None:  # which kinds there are, which anyone may ask
            continue
        part = f"/{about['subresource']}" if "subresource" in about else ""
        found.add((about.get("apiGroup", ""), about["resource"] + part, each["verb"]))
    return found
