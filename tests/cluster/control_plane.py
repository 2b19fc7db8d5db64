"""`ControlPlane`: etcd, API server, controller manager and scheduler, as a cluster has them.

Whoever asks needs a certificate or a token, and rights by RBAC and the Node authorizer.
"""

import json
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from tests.cluster.certificates import Certificates
from tests.cluster.network import Network
from tests.cluster.process import Process, component, flags
from tests.registry import free_port


class ControlPlane:
    """Runs from `start` to `stop`, with all that it keeps in `folder`."""

    def __init__(self, folder: Path, network: Network) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._network = network
        self._etcd = f"http://127.0.0.1:{free_port()}"
        self._port = free_port()
        self._audit = folder / "audit.log"
        self.certificates = Certificates(folder / "certificates")
        self.processes: list[Process] = []
        self.url = f"https://{network.host}:{self._port}"
        self.admin = self.certificates.kubeconfig(self.url, "admin", "system:masters")
        """The kubeconfig of one who may do everything."""

    def start(self) -> None:
        """Return when the API server says that it is ready."""
        etcd = self._run("etcd", self._etcd_flags())
        etcd.until(lambda: _healthy(f"{self._etcd}/health", None))
        self._serve()
        self._run("kube-controller-manager", self._manager_flags())
        self._run("kube-scheduler", self._client_flags("kube-scheduler"))

    def restart_server(self, pause: float = 0) -> None:
        """Kill the API server, and start it again after so many seconds."""
        self._server.kill()
        self.processes.remove(self._server)
        time.sleep(pause)
        self._serve()

    def audited(self, user: str) -> list[dict[str, Any]]:
        """What the API server wrote down of a user's requests, once answered."""
        whole, _, _ = self._audit.read_text().rpartition("\n")
        lines = map(json.loads, whole.splitlines())
        return [each for each in lines if each["user"]["username"] == user]

    def _serve(self) -> None:
        self._server = self._run("kube-apiserver", self._server_flags())
        trusted = ssl.create_default_context(cafile=str(self.certificates.ca))
        self._server.until(lambda: _healthy(f"{self.url}/readyz", trusted))

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()

    def _run(self, name: str, values: Mapping[str, object]) -> Process:
        process = Process([component(name), *flags(values)], self._folder / f"{name}.log")
        self.processes.append(process)
        return process

    def _etcd_flags(self) -> dict[str, object]:
        peer = f"http://127.0.0.1:{free_port()}"
        return {
            "name": "test",
            "data-dir": self._folder / "etcd",
            "listen-client-urls": self._etcd,
            "advertise-client-urls": self._etcd,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"test={peer}",
            "log-level": "warn",
            "unsafe-no-fsync": True,
        }

    def _server_flags(self) -> dict[str, object]:
        issued = self.certificates
        addresses = (self._network.host, self._network.first_service, "kubernetes.default.svc")
        cert, key = issued.pair("kube-apiserver", *addresses)
        kubelet_cert, kubelet_key = issued.pair("kube-apiserver-client", group="system:masters")
        return {
            "etcd-servers": self._etcd,
            "bind-address": self._network.host,
            "advertise-address": self._network.host,
            "secure-port": self._port,
            "tls-cert-file": cert,
            "tls-private-key-file": key,
            "client-ca-file": issued.ca,
            "kubelet-certificate-authority": issued.ca,
            "kubelet-client-certificate": kubelet_cert,
            "kubelet-client-key": kubelet_key,
            "kubelet-preferred-address-types": "InternalIP",
            "service-account-issuer": self.url,
            "service-account-key-file": issued.service_accounts,
            "service-account-signing-key-file": issued.service_accounts,
            "service-cluster-ip-range": self._network.services,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "allow-privileged": True,
            "audit-log-path": self._audit,
            "audit-policy-file": self._audit_policy(),
        }

    def _audit_policy(self) -> Path:
        """Service accounts' requests, by who and what."""
        level = {"level": "Metadata", "userGroups": ["system:serviceaccounts"]}
        policy = {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived", "ResponseStarted"],
            "rules": [level, {"level": "None"}],
        }
        path = self._folder / "audit-policy.json"
        path.write_text(json.dumps(policy))
        return path

    def _manager_flags(self) -> dict[str, object]:
        issued = self.certificates
        return {
            **self._client_flags("kube-controller-manager"),
            "root-ca-file": issued.ca,
            "service-account-private-key-file": issued.service_accounts,
            "cluster-signing-cert-file": issued.ca,
            "cluster-signing-key-file": issued.ca_key,
            "use-service-account-credentials": True,
        }

    def _client_flags(self, name: str) -> dict[str, object]:
        kubeconfig = self.certificates.kubeconfig(self.url, f"system:{name}")
        return {
            "kubeconfig": kubeconfig,
            "authentication-kubeconfig": kubeconfig,
            "authorization-kubeconfig": kubeconfig,
            "bind-address": "127.0.0.1",
            "secure-port": free_port(),
            "cert-dir": self._folder / name,
            "leader-elect": False,
        }


def _healthy(url: str, trusted: ssl.SSLContext | None) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(url, timeout=5, verify=trusted or True).status_code == 200
    return False
