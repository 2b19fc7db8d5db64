"""`Network`: where the cluster is. A bridge on this machine that leads nowhere else.

The control plane and registries listen on the bridge's own address. The node, in a network
namespace, is on its other side. Each network has a number of its own, so that several clusters
can run beside each other. What a maker leaves that was killed, the next one takes away: the bridge,
and the cgroup of the same name.
"""

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.cluster import cgroups
from tests.tools import run, tool

_MOST = 100


class Network:
    """Addresses of a cluster, on a bridge that is there until `remove`."""

    def __init__(self, number: int) -> None:
        self.name = f"entrepot{number}"
        self.host = f"10.233.{number}.1"
        """This machine's."""
        self.node = f"10.233.{number}.2"
        self.pods = f"10.234.{number}.0/24"
        self.services = f"10.235.{number}.0/24"
        self.first_service = f"10.235.{number}.1"
        """The one of the API server itself."""

    @classmethod
    def make(cls) -> Self:
        """The first that is free."""
        _remove_abandoned()
        for number in range(_MOST):
            network = cls(number)
            with suppress(subprocess.CalledProcessError):
                _ip("link", "add", network.name, "type", "bridge")
                _ip("link", "set", network.name, "alias", str(os.getpid()), "up")
                _ip("address", "add", f"{network.host}/24", "dev", network.name)
                return network
        raise AssertionError("no network is free")

    def attach(self, pid: int) -> None:
        """Give the network namespace of a process the node's address, and lead pods' way there."""
        end = f"{self.name}n"
        _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        _ip("link", "set", end, "master", self.name, "up")
        inside = ["nsenter", f"--target={pid}", "--net", "ip"]
        run(*inside, "address", "add", f"{self.node}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "route", "add", "default", "via", self.host)
        for there in (self.pods, self.services):
            _ip("route", "replace", there, "via", self.node)

    def remove(self) -> None:
        with suppress(subprocess.CalledProcessError):
            _ip("link", "delete", self.name)


def _remove_abandoned() -> None:
    for link in json.loads(_ip("-json", "link", "show", "type", "bridge")):
        owner = str(link.get("ifalias", ""))
        ours = str(link["ifname"]).startswith("entrepot") and owner.isdecimal()
        if ours and not Path("/proc", owner).exists():
            cgroups.remove(link["ifname"])
            with suppress(subprocess.CalledProcessError):
                _ip("link", "delete", link["ifname"])


def _ip(*arguments: str) -> str:
    done = subprocess.run([tool("ip"), *arguments], capture_output=True, text=True, check=True)
    return done.stdout
