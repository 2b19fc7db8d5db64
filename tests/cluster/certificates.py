"""`Certificates`: the cluster's own CA, and who its components are to each other.

Kubernetes reads a client's user name and groups from the subject of its certificate.
"""

import json
from pathlib import Path

import trustme


class Certificates:
    """A CA and what it issues, as files in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._authority = trustme.CA(organization_name="tests/cluster")
        self.ca = folder / "ca.crt"
        self.ca_key = folder / "ca.key"
        self._authority.cert_pem.write_to_path(str(self.ca))
        self._authority.private_key_pem.write_to_path(str(self.ca_key))
        self.service_accounts = self.pair("service-accounts", rsa=True)[1]
        """What tokens of service accounts are signed with."""

    def pair(
        self, user: str, *addresses: str, group: str | None = None, rsa: bool = False
    ) -> tuple[Path, Path]:
        """A certificate for `user` of `group`, that serves on `addresses`, and its key."""
        issued = self._authority.issue_cert(
            *(addresses or ["client.invalid"]),  # Go takes no certificate that has no name at all
            common_name=user,
            organization_name=group or "none",
            key_type=trustme.KeyType.RSA if rsa else trustme.KeyType.ECDSA,
        )
        name = user.replace(":", "-")
        cert, key = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(str(cert))
        issued.private_key_pem.write_to_path(str(key))
        return cert, key

    def kubeconfig(self, server: str, user: str, group: str | None = None) -> Path:
        """How `user` reaches the API server at the URL `server`."""
        cert, key = self.pair(user, group=group)
        cluster = {"server": server, "certificate-authority": str(self.ca)}
        credentials = {"client-certificate": str(cert), "client-key": str(key)}
        made = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": credentials}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
            "current-context": "test",
        }
        path = cert.with_suffix(".kubeconfig")
        path.write_text(json.dumps(made))
        return path
