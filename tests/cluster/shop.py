"""`Shop`: a small web server that pods serve from images of the registry, and who visits it."""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from tests.cli.command import Done
from tests.clients.image import TAG, write_layout
from tests.cluster.cluster import Cluster
from tests.cluster.operator import Operator
from tests.cluster.pod import pod
from tests.cluster.site import Site
from tests.tools import tool
from tests.warm import entrepot

SERVES = ("httpd", "-f", "-p", "8080", "-h", "/www")
FAILS = ("sh", "-c", "echo no configuration; exit 3")
"""Ends again and again."""
HIDES = ("httpd", "-f", "-p", "9090", "-h", "/www")
"""Runs, and is never ready."""

_PAUSE = 0.01
_IN_A_ROW = 100


class Visits:
    """What a client gets that asks a Service again and again, with a new connection each time."""

    def __init__(self, address: str) -> None:
        self.pages: Counter[str] = Counter()
        self.failures: list[str] = []
        self._address = address
        self._last: deque[str] = deque(maxlen=_IN_A_ROW)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._visit, daemon=True)

    def _visit(self) -> None:
        while not self._over.wait(_PAUSE):
            try:
                page = _page(self._address)
                self.pages[page] += 1
                self._last.append(page)
            except (OSError, HTTPException) as error:
                self.failures.append(f"{time.strftime('%X')} {error!r}")

    def until_all_see(self, version: str, within: float = 120) -> None:
        """Return when no other version was served for a while."""
        deadline = time.monotonic() + within
        while list(self._last) != [f"200 {version}"] * _IN_A_ROW:
            assert time.monotonic() < deadline, f"not {version}: {self._last}, {self.failures}"
            time.sleep(0.1)

    @classmethod
    @contextmanager
    def of(cls, address: str) -> Iterator["Visits"]:
        """From now until the block ends."""
        visits = cls(address)
        visits._thread.start()
        yield visits
        visits._over.set()
        visits._thread.join(60)


def _page(address: str) -> str:
    connection = HTTPConnection(address, timeout=60)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return f"{answer.status} {answer.read().decode()}"
    finally:
        connection.close()


class Shop:
    """A repository, a namespace of the same name, and in it what serves."""

    def __init__(
        self, cluster: Cluster, site: Site, operator: Operator, namespace: str, folder: Path
    ) -> None:
        self.cluster = cluster
        self.site = site
        self.namespace = namespace
        self.repository = f"{namespace}/web"
        self._operator = operator
        self._folder = folder
        site.accounts.project(namespace, public=True)

    def push(self, version: str, command: Sequence[str] = SERVES, to: Site | None = None) -> str:
        """An image that says which version it is; its reference with its digest."""
        site = to or self.site
        layout = self._folder / f"image-{len(list(self._folder.glob('image-*')))}"
        page = {"www/index.html": version.encode()}
        busybox = {"bin/busybox": tool("busybox").read_bytes()}
        write_layout(layout, busybox, page, command=command)
        reference = f"{site.address}/{self.repository}:{version}"
        return f"{reference}@{site.carry(f'oci:{layout}:{TAG}', reference)}"

    def open(self, image: str, kind: str = "Deployment", **spec: Any) -> str:
        """Have pods serve an image, and return when they do; where."""
        self.cluster.apply(*wares(self.namespace, image, kind, **spec))
        self.rolled_out(kind)
        return self.address

    @property
    def address(self) -> str:
        """The one of the Service."""
        service = self.cluster.get("service", "web", f"--namespace={self.namespace}")
        return str(service["spec"]["clusterIP"])

    def rolled_out(self, kind: str = "deployment") -> None:
        self.kubectl("rollout", "status", f"{kind}/web", "--timeout=150s")

    def kubectl(self, *words: str) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *words, within=160)

    def images(self, kind: str = "deployment") -> list[str]:
        """What the template says."""
        found = self.cluster.get(kind, "web", f"--namespace={self.namespace}")
        return [each["image"] for each in found["spec"]["template"]["spec"]["containers"]]

    def set_image(self, target: str, *words: str) -> Done:
        """`entrepot kube set-image` there."""
        where = ("-n", self.namespace, "--json")
        return entrepot("kube", "set-image", target, *words, *where, **self._operator.env)

    def resolved(self, version: str) -> Any:
        return self._operator.said("version", "resolve", self.repository, version)


def wares(namespace: str, image: str, kind: str = "Deployment", **spec: Any) -> list[Any]:
    """A workload `web` of two pods, and its Service. Those of a Deployment come and go without a
    gap: a new one serves before an old one is told to go, which serves until nobody is led there.
    """
    template = pod("web", image, restartPolicy="Always", terminationGracePeriodSeconds=1)
    del template["spec"]["imagePullSecrets"]
    [container] = template["spec"]["containers"]
    del container["command"]
    container |= {
        "name": "web",
        "ports": [{"containerPort": 8080}],
        "readinessProbe": {
            "httpGet": {"path": "/", "port": 8080},
            "periodSeconds": 1,
            "timeoutSeconds": 10,  # else both pods would go where the machine stands still
        },
    }
    if kind == "Deployment":
        container["lifecycle"] = {"preStop": {"sleep": {"seconds": 10}}}
        template["spec"]["terminationGracePeriodSeconds"] = 15
        spec["strategy"] = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    if kind != "DaemonSet":
        spec.setdefault("replicas", 2)
    labels = {"app": "web"}
    made = {"selector": {"matchLabels": labels}, **spec}
    made["template"] = {"metadata": {"labels": labels}, "spec": template["spec"]}
    ports = [{"port": 80, "targetPort": 8080}]
    return [
        _named("apps/v1", kind, namespace, made),
        _named("v1", "Service", namespace, {"selector": labels, "ports": ports}),
    ]


def _named(version: str, kind: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": "web", "namespace": namespace}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def chart(folder: Path) -> Path:
    """The same as a chart, whose values say which image; packaged it is `web-1.0.0.tgz`."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.0.0\n")
    image = "{{ .Values.image.repository }}:{{ .Values.image.tag }}@{{ .Values.image.digest }}"
    made = wares("{{ .Release.Namespace }}", image)
    (folder / "templates" / "web.yaml").write_text("\n---\n".join(map(json.dumps, made)))
    return folder


def outcome(done: Done) -> Any:
    """What it says for programs."""
    return json.loads(done.output)
