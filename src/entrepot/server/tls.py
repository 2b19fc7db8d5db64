"""The ASGI TLS extension: who the peer is, and how the connection is protected.

https://asgi.readthedocs.io/en/latest/specs/tls.html. The certificate was verified in the handshake
(if the server asked for one); here it is only written down.
"""

import asyncio
import hashlib
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any

VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}

SHORT_NAMES = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
"""RFC 4514 §3, by the names that OpenSSL gives them."""

Subject = tuple[tuple[tuple[str, str], ...], ...]


def tls_extension(transport: asyncio.Transport, certfile: str | None) -> dict[str, Any]:
    """Return the extension for one connection."""
    connection: ssl.SSLObject = transport.get_extra_info("ssl_object")
    certificate: dict[str, Any] = connection.getpeercert() or {}
    cipher = connection.cipher()
    return {
        "server_cert": server_certificate(certfile),
        "client_cert_chain": client_chain(connection),
        "client_cert_name": distinguished_name(certificate["subject"]) if certificate else None,
        "client_cert_error": None,
        "tls_version": VERSIONS.get(connection.version() or ""),
        "cipher_suite": cipher_number(connection.context, cipher[0]) if cipher else None,
    }


def fingerprint(transport: asyncio.Transport) -> str:
    """Return the SHA-256 of the peer's verified certificate in hex, "" if it has none."""
    leaf = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return hashlib.sha256(leaf).hexdigest() if leaf else ""


def client_chain(connection: ssl.SSLObject) -> list[str]:
    """Return the peer's chain as PEM, its own certificate first; empty if it sent none."""
    leaf = connection.getpeercert(binary_form=True)
    if not leaf:
        return []
    # Public from Python 3.13 on; before, only the object inside has it.
    inner: Any = getattr(connection, "_sslobj", None)
    chain = inner.get_unverified_chain() if hasattr(inner, "get_unverified_chain") else None
    if not chain:
        return [ssl.DER_cert_to_PEM_cert(leaf)]
    return [ssl.DER_cert_to_PEM_cert(certificate.public_bytes(2)) for certificate in chain]


def distinguished_name(subject: Subject) -> str:
    """Write a subject as RFC 4514 wants it: the most specific part first."""
    return ",".join("+".join(_attribute(*pair) for pair in part) for part in reversed(subject))


def _attribute(name: str, value: str) -> str:
    escaped = "".join("\\" + c if c in '"+,;<>\\' else c for c in value).replace("\0", "\\00")
    if escaped.startswith((" ", "#")):
        escaped = "\\" + escaped
    if escaped.endswith(" ") and len(value) > 1:
        escaped = escaped[:-1] + "\\ "
    return f"{SHORT_NAMES.get(name, name)}={escaped}"


def cipher_number(context: ssl.SSLContext, name: str) -> int | None:
    """Return the IANA number of a cipher suite; OpenSSL keeps it in the lower half of its id."""
    for cipher in context.get_ciphers():
        if cipher["name"] == name:
            return int(cipher["id"]) & 0xFFFF
    return None


def server_certificate(certfile: str | None) -> str | None:
    """Return our own certificate as PEM, as it lies on disk: OpenSSL does not give it back."""
    if certfile is None:
        return None
    try:
        return _leaf(certfile, Path(certfile).stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=8)
def _leaf(certfile: str, _changed: int) -> str | None:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    _, found, rest = Path(certfile).read_text("ascii", "replace").partition(begin)
    return begin + rest.partition(end)[0] + end + "\n" if found else None
