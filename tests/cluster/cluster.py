"""`Cluster`: a control plane and a node, and kubectl with the rights of an administrator."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.clients.image import write_layout
from tests.cluster import api
from tests.cluster.api import Api
from tests.cluster.control_plane import ControlPlane
from tests.cluster.network import Network
from tests.cluster.node import Node
from tests.cluster.process import component
from tests.tools import as_root, run, tool

NODE_READY_WITHIN = 150.0

Found = TypeVar("Found")


class Cluster:
    """A cluster that runs, as its administrator sees it."""

    def __init__(self, network: Network, control_plane: ControlPlane, node: Node) -> None:
        self.network = network
        self.control_plane = control_plane
        self.node = node
        self.api = Api(control_plane.url, control_plane.certificates)

    @property
    def kubeconfig(self) -> Path:
        return self.control_plane.admin

    def kubectl(self, *arguments: str | Path, text: str | None = None, within: float = 160) -> str:
        """What kubectl says; the test fails where it says no."""
        config = f"--kubeconfig={self.kubeconfig}"
        return run(component("kubectl"), config, *arguments, text=text, within=within).stdout

    def knows(self, kind: str) -> Callable[[], bool]:
        """Asks whether kubectl hears of a kind, which a server that has just begun may not tell."""

        def known() -> bool:
            try:
                self.kubectl("get", kind)
            except pytest.fail.Exception:
                return False
            return True

        return known

    def get(self, *arguments: str) -> Any:
        """An object or a list of them, as the API has it."""
        asked = api.url(*arguments)
        if asked is not None:
            return self.api.get(asked)
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Have these objects."""
        many = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "--filename=-", text=json.dumps(many))

    @contextmanager
    def namespace(self, name: str) -> Iterator[str]:
        """A namespace in which pods can be made, until the block ends."""
        self.kubectl("create", "namespace", name)
        self._await_account(name)
        yield name
        self.kubectl("delete", "namespace", name, "--wait=false")

    def until(
        self, what: str, find: Callable[[], Found | None], within: float = 150, namespace: str = ""
    ) -> Found:
        """What `find` finds, once it does; else the failure shows how things are."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if found := find():
                return found
            time.sleep(0.2)
        pytest.fail(f"not after {within} s: {what}\n{self._state(namespace)}", pytrace=False)

    def _state(self, namespace: str) -> str:
        where = [f"--namespace={namespace}"] if namespace else ["--all-namespaces"]
        seen = [
            self.kubectl("get", "nodes,pods", *where, "--output=wide"),
            self.kubectl("get", "events", *where, "--sort-by=.lastTimestamp")[-4000:],
        ]
        return "\n".join([*seen, *(process.tail(2000) for process in self.node.processes)])

    def _await_account(self, namespace: str) -> None:
        """No pod can be made before its namespace has a service account."""
        accounts = ["serviceaccounts", f"--namespace={namespace}"]
        self.until(f"{namespace} has an account", lambda: self.get(*accounts)["items"])

    def await_ready(self) -> None:
        """Return when pods can be made, and run."""

        def ready() -> bool:
            conditions = [
                condition
                for node in self.get("nodes")["items"]
                for condition in node["status"]["conditions"]
            ]
            return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

        self.until("the node is ready", ready, NODE_READY_WITHIN)
        self._await_account("default")


@contextmanager
def running(folder: Path, kubelet: Sequence[str] = ()) -> Iterator[Cluster]:
    """A cluster with all that it keeps in `folder`, which is gone at the end but for logs.

    The kubelet also gets these flags.
    """
    as_root("a cluster")
    with ExitStack() as ends:
        network = Network.make()
        ends.callback(network.remove)
        control_plane = ControlPlane(folder / "control-plane", network)
        ends.callback(control_plane.stop)
        control_plane.start()
        node = Node(folder / "node", network, control_plane)
        ends.callback(shutil.rmtree, folder / "node" / "root", ignore_errors=True)
        ends.callback(node.stop)
        node.start(_pause(folder / "pause"), kubelet)
        cluster = Cluster(network, control_plane, node)
        ends.callback(cluster.api.close)
        cluster.await_ready()
        yield cluster


def _pause(folder: Path) -> Path:
    """The image that holds a pod's namespaces: it sleeps."""
    busybox = {"bin/busybox": tool("busybox").read_bytes()}
    write_layout(folder / "layout", busybox, command=("sleep", "infinity"))
    return Path(shutil.make_archive(str(folder), "tar", folder / "layout"))
