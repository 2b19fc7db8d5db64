"""A private CA, and the certificates that it issues to servers and clients (RFC 5280).

It says yes to whoever holds its key: the file with that is readable by its owner only. What is
issued is for one purpose, server or client, and ends no later than the CA.
"""

import ipaddress
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_DAYS = 3650
DAYS = 397
"""Clients of some makers refuse servers' certificates that last longer."""

BACKDATED = timedelta(hours=1)
"""Clocks differ."""

_dns_name = re.compile(
    r"(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
).fullmatch
_client_name = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:+-]{0,63}").fullmatch
_uri = re.compile(r"[a-z][a-z0-9+.-]*:[\x21-\x7e]+").fullmatch


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        """The certificate, as files have it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key, without a password, as files have it."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA that can issue."""

    own: Issued

    @classmethod
    def new(cls, host: str, days: int = CA_DAYS, now: datetime | None = None) -> "Authority":
        """A CA of a name that no other has, so that nobody mistakes one for another."""
        begin = (now or datetime.now(UTC)) - BACKDATED
        subject = _common_name(f"Entrepot CA {secrets.token_hex(4)} of {host}"[:64])
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _begin(subject, subject, key, begin, begin + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
        )
        return cls(Issued(builder.sign(key, hashes.SHA256()), key))

    def server(self, names: Sequence[str], days: int = DAYS) -> Issued:
        """A certificate for a server of these names and addresses. Raises ValueError."""
        alternatives = x509.SubjectAlternativeName([server_name(name) for name in names])
        fitting = next((name for name in names if len(name) <= 64), "server")
        purpose = ExtendedKeyUsageOID.SERVER_AUTH
        return self._issue(_common_name(fitting), alternatives, purpose, days)

    def client(self, name: str, days: int = DAYS, uri: str | None = None) -> Issued:
        """A certificate that says who a client is. Raises ValueError."""
        if not _client_name(name):
            raise ValueError(f"{name!r} cannot be a client's name: use up to 64 of A-Za-z0-9._@:+-")
        if uri is not None and not _uri(uri):
            raise ValueError(f"{uri!r} is not a URI, such as spiffe://example.org/ci")
        alternatives = (
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]) if uri else None
        )
        return self._issue(_common_name(name), alternatives, ExtendedKeyUsageOID.CLIENT_AUTH, days)

    def _issue(
        self,
        subject: x509.Name,
        alternatives: x509.SubjectAlternativeName | None,
        purpose: x509.ObjectIdentifier,
        days: int,
    ) -> Issued:
        ca = self.own.certificate
        key = ec.generate_private_key(ec.SECP256R1())
        begin = datetime.now(UTC) - BACKDATED
        until = min(begin + timedelta(days=days), ca.not_valid_after_utc)
        identifier = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        builder = (
            _begin(subject, ca.subject, key, begin, until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
                critical=False,
            )
        )
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        return Issued(builder.sign(self.own.key, hashes.SHA256()), key)


def server_name(name: str) -> x509.GeneralName:
    """A DNS name or an IP address as certificates have it. Raises ValueError."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    if not _dns_name(name.lower()) or len(name) > 253:
        raise ValueError(f"{name!r} is neither a DNS name nor an IP address; it has no port")
    return x509.DNSName(name.lower())


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begin: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(until)
        .add_extension(identifier, critical=False)
    )


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
