"""The folder of a private CA: which file is what in it, and how they are written.

A file is there whole or not at all, and a key is never readable by anyone but its owner.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from entrepot.auth import pem
from entrepot.auth.authority import Authority, Issued


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a certificate and its key lie."""

    cert: Path
    key: Path

    def write(self, issued: Issued) -> None:
        """The key first: whoever watches the certificate finds both. Raises OSError."""
        self.cert.parent.mkdir(parents=True, exist_ok=True)
        _write(self.key, issued.key_pem, 0o600)
        _write(self.cert, issued.certificate_pem, 0o644)


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies where."""

    path: Path

    @property
    def ca(self) -> Pair:
        """The CA itself; its key can be kept elsewhere once all is issued."""
        return Pair(self.path / "ca.crt", self.path / "ca.key")

    @property
    def server(self) -> Pair:
        """What the registry serves."""
        return Pair(self.path / "server.crt", self.path / "server.key")

    def client(self, name: str) -> Pair:
        """A client's, under the names that docker and podman look for."""
        folder = self.path / "clients" / name
        return Pair(folder / "client.cert", folder / "client.key")

    def authority(self) -> Authority:
        """The CA, to issue by it. Raises `pem.PemError`."""
        pem.check_pair(self.ca.cert, self.ca.key)
        certificate, key = pem.certificates(self.ca.cert)[0], pem.key(self.ca.key)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise pem.PemError(f"{self.ca.key} is no key on an elliptic curve, as `tls init` makes")
        if certificate.not_valid_after_utc <= datetime.now(UTC):
            raise pem.PemError(f"the CA in {self.ca.cert} has ended: make a new one by `tls init`")
        return Authority(Issued(certificate, key))


def _write(path: Path, content: bytes, mode: int) -> None:
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
