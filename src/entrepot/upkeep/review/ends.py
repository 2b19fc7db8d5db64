"""Certificates near their end: the server's, and the CAs of clients and of issuers."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from entrepot.db import issuers
from entrepot.db.connection import Connection
from entrepot.upkeep.review.finding import Finding, Severity, days

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SOON = 30 * 86400.0
VERY_SOON = 7 * 86400.0


def of_files(files: Sequence[Path], now: float) -> Iterator[Finding]:
    """Certificates in files; one that cannot be read is a finding, too."""
    from entrepot.auth import pem

    for file in files:
        try:
            found = pem.certificates(file)
        except pem.PemError as error:
            text = f"{error}: mend it, or TLS will not start again"
            yield Finding("certificate unreadable", Severity.CRITICAL, str(file), text)
        else:
            yield from _ending(str(file), found, now)


def of_issuers(db: Connection, now: float) -> Iterator[Finding]:
    """The private CAs of identity providers."""
    from cryptography import x509

    for issuer in issuers.issuers(db):
        if issuer.ca:
            found = x509.load_pem_x509_certificates(issuer.ca.encode())
            yield from _ending(f"issuer {issuer.url}", found, now)


def _ending(subject: str, found: "Iterable[Certificate]", now: float) -> Iterator[Finding]:
    for certificate in found:
        end = certificate.not_valid_after_utc.timestamp()
        left = end - now
        if left > SOON:
            continue
        when = f"ends in {days(left)}" if left > 0 else f"ended {days(-left)} ago"
        name = certificate.subject.rfc4514_string() or "without a name"
        severity = Severity.CRITICAL if left < VERY_SOON else Severity.WARNING
        text = f"the certificate {name} {when}: renew it"
        yield Finding("certificate near its end", severity, subject, text, end)
