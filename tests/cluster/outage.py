"""`Outage`: a primary, its replica that is also a cache, and a registry that stands for Docker Hub.

All is set up as docs/failover.md says it, and the drill says what will be. Then both are killed.
"""

import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
from tests.cli.command import Done
from tests.clients.carriers import Crane
from tests.clients.client import isolated
from tests.clients.image import MIB, make_image
from tests.cluster.cluster import Cluster
from tests.cluster.guide import follow, page
from tests.cluster.operator import Operator
from tests.cluster.pod import SLEEPS, pod
from tests.cluster.site import beside
from tests.tools import tool
from tests.upstream.peer import docker_registry
from tests.warm import entrepot

from entrepot.kube.inventory import SOURCES, report

HUB = "docker.io/library"


class Outage:
    """The cluster, and those who serve it; `strike` kills the primary and Docker Hub."""

    def __init__(self, cluster: Cluster, namespace: str, folder: Path, stack: ExitStack) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self._folder = folder
        self._away = stack.enter_context(ExitStack())
        self._hub = self._away.enter_context(docker_registry(folder / "hub"))
        reach = {"upkeep_pause": "0.2", "outbound_allow": f"127.0.0.0/8,{cluster.network.host}/32"}
        self.primary = stack.enter_context(beside(cluster, folder / "primary", **reach))
        known = {"known_as": self.primary.address}
        self.replica = stack.enter_context(beside(cluster, folder / "replica", **reach, **known))
        for site in (self.replica, self.primary):  # the last one is where an operator works
            self.operator = Operator(cluster, site, folder)
        self.drilled: tuple[int, dict[str, str | None]] = (0, {})
        """What the drill said before."""
        (folder / "ca.pem").write_text(self.primary.ca.read_text() + self.replica.ca.read_text())

    def follow(self, busybox: str) -> None:
        """Do what the guide says; the DaemonSet pulls `busybox`."""
        there = {
            "registry.example.com": self.primary.address,
            "backup.example.com": self.replica.address,
            "https://registry-1.docker.io": f"http://{self._hub}",
            "--namespace team": f"--namespace {self.namespace}",
            "busybox:1.37": busybox,
            "--timeout=90s": "--timeout=250s",
            "path: /etc/containerd/certs.d": f"path: {self.cluster.node.hosts}",
        }
        text = page("failover.md", there).partition("## In a Kubernetes cluster\n")[2]
        env = {**isolated(self._folder / "home"), **self.operator.env}
        follow(text.partition("\n## ")[0], self._folder, env, within=400)

    def publish(self, name: str) -> str:
        """An image at Docker Hub."""
        image = make_image(self._folder / f"image-{name}", tool("busybox"), MIB // 16)
        reference = f"{self._hub}/library/{name}:1"
        Crane(self._folder / f"crane-{name}").push(image, reference)
        return f"{HUB}/{name}:1"

    def copied(self, *names: str) -> None:
        """Return when the replica has them."""
        words = ("replication", "tags", "backup", "--state", "done")

        def there() -> bool:
            return {row["repository"] for row in self.operator.said(*words)} >= set(names)

        self.cluster.until("all is copied", there)

    def deploy(self, name: str, image: str, replicas: int) -> None:
        """A Deployment whose every pod pulls; return when it has its pods."""
        template = pod(name, image, command=SLEEPS, restartPolicy="Always")["spec"]
        template["containers"][0]["imagePullPolicy"] = "Always"
        labels = {"app": name}
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template},
        }
        meta = {"name": name, "namespace": self.namespace}
        made = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
        self.cluster.apply(made)
        self.ready(name, replicas)

    def scale(self, name: str, replicas: int) -> None:
        self._kubectl("scale", f"deployment/{name}", f"--replicas={replicas}")

    def ready(self, name: str, replicas: int, within: float = 150) -> None:
        """Return when it has so many pods that run, and no other ones."""

        def so() -> bool:
            found = [each["status"] for each in self.pods(name)]
            runs = [each for each in found if each["phase"] == "Running"]
            return len(found) == len(runs) == replicas

        self.cluster.until(f"{name} has {replicas}", so, within, self.namespace)

    def pods(self, name: str) -> list[Any]:
        where = (f"--namespace={self.namespace}", f"--selector=app={name}")
        return list(self.cluster.get("pods", *where)["items"])

    def report(self) -> None:
        """Tell the primary what the namespace runs, as the controller does."""
        listed = {
            kind: json.loads(self.cluster.kubectl("get", "--raw", path))["items"]
            for kind, path in SOURCES.items()
        }
        images = [each for each in report(listed) if each["namespace"] == self.namespace]
        registry = self.primary.registry
        robot = self.primary.accounts.robot("inventory", "reporter:*")
        url = f"{registry.url}/api/v1/clusters/prod/images"
        sent = httpx.put(url, json={"images": images}, auth=robot.pair, verify=registry.verify)
        sent.raise_for_status()

    def drill(self, *words: str) -> tuple[int, dict[str, str | None]]:
        """Its exit code, and who would serve each image."""
        ca = ("--ca", str(self._folder / "ca.pem"), "--json")
        done: Done = entrepot("drill", *words, *ca, **self.operator.env)
        assert done.error == ""
        return done.status, {
            each["image"]: each["then_served_by"] for each in json.loads(done.output)
        }

    def hub(self, *words: str) -> None:
        """Change something of the cache in front of Docker Hub."""
        where = ("--context", self.replica.address, "upstream")
        done = entrepot(*where, *words, **self.operator.env)
        assert done.status == 0, done.error

    def strike(self) -> None:
        """Kill the primary and Docker Hub, by SIGKILL."""
        self.primary.registry.kill()
        self._away.close()

    def pulled(self, repository: str) -> None:
        """Return when the replica's audit says that a node has pulled from there."""
        where = ("--context", self.replica.address, "audit", "list", "--action", "pull")

        def told() -> bool:
            rows = self.operator.said(*where, "--repo", repository)
            return "robot:nodes" in {row["actor"] for row in rows}

        self.cluster.until(f"a pull of {repository} by a node", told)

    def counted(self, project: str, result: str) -> float:
        """Manifests that the cache looked for, as its metrics have them."""
        registry = self.replica.registry
        text = httpx.get(f"{registry.url}/metrics", verify=registry.verify).text
        labels = f'project="{project}",result="{result}",what="manifest"'
        found = re.search(rf"entrepot_cache_answers_total{{{labels}}} (\S+)", text)
        return float(found[1]) if found else 0.0

    def _kubectl(self, *words: str) -> str:
        return self.cluster.kubectl(*words, f"--namespace={self.namespace}")
