"""What is left to do on the nodes of a cluster, as files: the plugin, and trust in the registry.

Source: containerd, docs/hosts.md; containers-certs.d(5).
"""

from dataclasses import dataclass

from entrepot.kube.containerd import hosts_toml
from entrepot.kube.provider_config import Installation

FOLDER = "/etc/kubernetes/entrepot"
"""Where the plugin lies on the nodes."""

_CONTAINERD = "etc/containerd/certs.d"
_CRIO = "etc/containers/certs.d"


@dataclass(frozen=True, slots=True)
class NodeFiles:
    """The files of one registry; paths begin at the root of a node."""

    registry: str
    audience: str
    ca: str | None = None
    """In PEM, where the nodes do not trust the registry anyway."""

    def files(self) -> dict[str, str]:
        """Text by path."""
        plugin = Installation(FOLDER, self.registry, self.audience, self.ca)
        found = {f"{FOLDER[1:]}/{name}": text for name, text in plugin.files().items()}
        return {"README": self._readme(plugin.flags()), **found, **self._trust()}

    def _trust(self) -> dict[str, str]:
        if self.ca is None:
            return {}
        host = self.registry.replace(":", "_", 1) + ("_" if ":" in self.registry else "")
        folder = f"{_CONTAINERD}/{host}"
        return {
            f"{folder}/hosts.toml": hosts_toml(self.registry, f"/{folder}"),
            f"{folder}/ca.crt": self.ca,
            f"{_CRIO}/{self.registry}/ca.crt": self.ca,
        }

    def _readme(self, flags: list[str]) -> str:
        parts = [_COPY, _KUBELET.format(flags="\n".join(f"     {flag}" for flag in flags))]
        return "\n".join([*parts, _RUNTIME]) if self.ca else "\n".join(parts)


_COPY = """\
On each node, as root:

1. Copy the folder etc/ to /. It has no file that others own.
"""

_KUBELET = """\
2. Start the kubelet with these flags, and restart it. Where it has such a config already, add the
   provider to that one: a kubelet takes one.

{flags}
"""

_RUNTIME = """\
3. containerd reads etc/containerd/certs.d where its configuration says so, without a restart; if
   it did not yet, add this and restart it (the first for containerd 2, the second for 1):

     [plugins."io.containerd.cri.v1.images".registry]
       config_path = "/etc/containerd/certs.d"

     [plugins."io.containerd.grpc.v1.cri".registry]
       config_path = "/etc/containerd/certs.d"

   CRI-O reads etc/containers/certs.d by itself.
"""
