"""`Node`: containerd, kubelet and kube-proxy in namespaces of their own, as on a machine.

containerd is the first process in its PID namespace: when it ends, the kernel ends the kubelet,
the shims and the pods, and takes away their mounts, network and firewall. What a kubelet would set
on the machine as a whole is covered by files that say what it wants to read.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster import cgroups
from tests.cluster.control_plane import ControlPlane
from tests.cluster.network import Network
from tests.cluster.process import Process, component, flags
from tests.tools import run, tool

NAME = "node-1"
PAUSE = "entrepot.test/pause:made"
"""The image that holds a pod's namespaces."""

_NAMESPACES = "--pid --fork --kill-child --mount --mount-proc --net --uts --propagation private"

_MACHINE = """\
hostname {name}
mount --bind {folder}/hosts /etc/hosts
mount --bind {folder}/resolv.conf /etc/resolv.conf
mkdir -p /var/lib/cni
for path in /run /var/log /var/lib/cni; do mount -t tmpfs tmpfs "$path"; done
cd {folder}/sysctl
find . -type f | while read -r path; do mount --bind "$path" "/proc/sys/$path"; done
ip link set lo up
exec {containerd} --config {folder}/containerd.toml
"""

_SYSCTL = {
    "kernel/keys/root_maxbytes": 25_000_000,
    "kernel/keys/root_maxkeys": 1_000_000,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
}

_CONTAINERD = """\
version = 2
root = "{folder}/root"
state = "/run/containerd"
[grpc]
  address = "{folder}/containerd.sock"
[ttrpc]
  address = "{folder}/ttrpc.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{folder}/certs.d"
"""


class Node:
    """Runs from `start` to `stop`, with all that it keeps in `folder`."""

    def __init__(self, folder: Path, network: Network, control_plane: ControlPlane) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._network = network
        self._control_plane = control_plane
        self._containerd: Process | None = None
        self.processes: list[Process] = []

    def start(self, pause: Path, kubelet: Sequence[str] = ()) -> None:
        """Start all three; `pause` is a tar of the image of that name. The kubelet also gets
        flags of the caller's.
        """
        cgroups.make(self._network.name)
        self._write()
        script = _MACHINE.format(name=NAME, folder=self._folder, containerd=tool("containerd"))
        command = ["unshare", *_NAMESPACES.split(), "sh", "-euc", script]
        self._containerd = Process(command, self._folder / "containerd.log")
        self._containerd.until((self._folder / "containerd.sock").exists)
        self._network.attach(self._pid)
        self.ctr("images", "import", "--base-name", PAUSE.partition(":")[0], pause)
        self.start_kubelet(*kubelet)
        self._inside("kube-proxy", self._proxy_flags())

    def start_kubelet(self, *more: str) -> None:
        """Start it, or start it again with other flags."""
        for process in [p for p in self.processes if p.log.stem == "kubelet"]:
            process.stop()
            self.processes.remove(process)
        self._inside("kubelet", self._kubelet_flags(), *more)

    def stop(self) -> None:
        if self._containerd is not None:
            self._containerd.kill()
        for process in self.processes:
            process.kill()
        cgroups.remove(self._network.name)

    def ctr(self, *arguments: str | Path) -> str:
        """What containerd's own client says of the kubelet's images and containers."""
        socket = self._folder / "containerd.sock"
        return run(tool("ctr"), "--address", socket, "--namespace", "k8s.io", *arguments).stdout

    def forget(self, reference: str) -> None:
        """Remove an image, by all names that the kubelet's plugin gave it."""
        rows = [line.split()[:3] for line in self.ctr("images", "list").splitlines()[1:]]
        digests = {digest for name, _, digest in rows if name == reference}
        assert digests, f"the node has no {reference}"
        names = [name for name, _, digest in rows if digest in digests]
        self.ctr("images", "remove", "--sync", *names)

    @property
    def hosts(self) -> Path:
        """Where containerd looks for whom to ask."""
        return self._folder / "certs.d"

    def trust(self, address: str, ca: Path) -> None:
        """Have containerd take the certificates of the registry at `address`."""
        self.configure(
            address,
            f'server = "https://{address}"\nca = "{ca}"\n\n[host."https://{address}"]\n'
            f'  capabilities = ["pull", "resolve"]\n  ca = "{ca}"\n',
        )

    def configure(self, host: str, hosts_toml: str) -> None:
        """Have containerd ask as this says for images of a host."""
        place = self.hosts / host
        place.mkdir(parents=True, exist_ok=True)
        (place / "hosts.toml").write_text(hosts_toml)

    @property
    def _pid(self) -> int:
        assert self._containerd is not None, "it does not run"
        child = self._containerd.child
        assert child is not None, self._containerd.tail()
        return child

    def _inside(self, name: str, values: Mapping[str, object], *more: str) -> None:
        enter = ["nsenter", f"--target={self._pid}", "--mount", "--pid", "--net", "--uts"]
        command = [*enter, str(component(name)), *flags(values), *more]
        self.processes.append(Process(command, self._folder / f"{name}.log"))

    def _write(self) -> None:
        """The configuration of what runs here, and of the pods' network."""
        folder = self._folder
        (folder / "hosts").write_text(f"127.0.0.1 localhost\n{self._network.host} registry.test\n")
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        for name, value in _SYSCTL.items():
            file = folder / "sysctl" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{value}\n")
        (folder / "containerd.toml").write_text(_CONTAINERD.format(folder=folder, pause=PAUSE))
        self.hosts.mkdir()
        (folder / "cni").mkdir()
        (folder / "cni" / "pods.conflist").write_text(json.dumps(self._pod_network()))
        (folder / "kubelet.json").write_text(json.dumps(self._kubelet_config()))

    def _pod_network(self) -> dict[str, object]:
        addresses = {
            "type": "host-local",
            "ranges": [[{"subnet": self._network.pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        ports = {"type": "portmap", "capabilities": {"portMappings": True}}
        plugins = [{"type": "ptp", "ipam": addresses}, ports]
        return {"cniVersion": "0.4.0", "name": "pods", "plugins": plugins}

    def _kubelet_flags(self) -> dict[str, object]:
        server = self._control_plane
        user = f"system:node:{NAME}"
        return {
            "config": self._folder / "kubelet.json",
            "kubeconfig": server.certificates.kubeconfig(server.url, user, "system:nodes"),
            "root-dir": self._folder / "kubelet",
            "node-ip": self._network.node,
            "hostname-override": NAME,
        }

    def _kubelet_config(self) -> dict[str, object]:
        issued = self._control_plane.certificates
        cert, key = issued.pair("kubelet", self._network.node)
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {"x509": {"clientCAFile": str(issued.ca)}},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._network.name}",
            "containerRuntimeEndpoint": f"unix://{self._folder}/containerd.sock",
            "evictionHard": {"memory.available": "50Mi"},
            "failSwapOn": False,
            "imageGCHighThresholdPercent": 100,
            "oomScoreAdj": 0,
            "podLogsDir": f"{self._folder}/logs",
            "registryPullQPS": 0,
            "resolvConf": f"{self._folder}/resolv.conf",
            "serializeImagePulls": False,
            "tlsCertFile": str(cert),
            "tlsPrivateKeyFile": str(key),
            "volumePluginDir": f"{self._folder}/plugins",
        }

    def _proxy_flags(self) -> dict[str, object]:
        server = self._control_plane
        return {
            "kubeconfig": server.certificates.kubeconfig(server.url, "system:kube-proxy"),
            "hostname-override": NAME,
            "cluster-cidr": self._network.pods,
            "proxy-mode": "iptables",
            "conntrack-max-per-core": 0,
            "conntrack-tcp-timeout-established": "0s",
            "conntrack-tcp-timeout-close-wait": "0s",
        }
