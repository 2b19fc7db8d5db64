"""What PEM files say: certificates and keys, and what is wrong with them in words (RFC 7468)."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtensionOID, NameOID

BEGIN = b"-----BEGIN CERTIFICATE-----"

LARGEST = 4 << 20
"""Bytes of a file; a system's whole trust store is a tenth of it."""


class PemError(Exception):
    """A file that cannot be used, and why."""


def read(path: Path) -> bytes:
    """The bytes of a file. Raises `PemError`."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise PemError(f"cannot read {path}: {error.strerror}") from None
    if len(content) > LARGEST:
        raise PemError(f"{path} is too large to hold certificates")
    return content


def certificates(path: Path) -> list[x509.Certificate]:
    """The certificates of a file, at least one. Raises `PemError`."""
    content = read(path)
    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError:
        found = []
    if len(found) != content.count(BEGIN):  # the last one may be written in part
        found = []
    if not found:
        raise PemError(f"{path} holds no certificate in PEM, or a broken one")
    return found


def key(path: Path) -> PrivateKeyTypes:
    """The private key of a file. Raises `PemError`."""
    try:
        return serialization.load_pem_private_key(read(path), None)
    except TypeError:
        raise PemError(f"the key in {path} is encrypted: store it without a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise PemError(f"{path} holds no private key in PEM, or a broken one") from None


def belongs(certificate: x509.Certificate, own: PrivateKeyTypes) -> bool:
    """Whether it is the key of the certificate."""
    return certificate.public_key() == own.public_key()


def check_pair(cert: Path, own: Path) -> None:
    """Raises `PemError` where the two files do not hold a certificate and its key."""
    if not belongs(certificates(cert)[0], key(own)):
        raise PemError(f"the key in {own} is not that of the certificate in {cert}")


def names(certificate: x509.Certificate) -> list[str]:
    """Whose certificate it is: its alternative names, else its common name."""
    try:
        found = certificate.extensions.get_extension_for_oid(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME
        ).value
    except x509.ExtensionNotFound:
        found = x509.SubjectAlternativeName([])
    assert isinstance(found, x509.SubjectAlternativeName)
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return [str(name.value) for name in found] or [str(name.value) for name in common]


def days_left(certificate: x509.Certificate, now: datetime | None = None) -> int:
    """Whole days until it ends; negative where it has ended."""
    return (certificate.not_valid_after_utc - (now or datetime.now(UTC))).days
