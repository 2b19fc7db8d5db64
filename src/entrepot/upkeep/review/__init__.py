"""The review: what a security team looks at regularly. Accounts, grants, projects, keys, logins.

It reads the database and changes nothing; each file here has one noun, and takes what it needs.
"""

from collections.abc import Sequence
from pathlib import Path

from entrepot.db import keys, projects, usage
from entrepot.db.connection import Connection
from entrepot.upkeep.review import accounts, ends, grants, logins
from entrepot.upkeep.review.finding import Finding, Severity, days

UNUSED = 90 * 86400.0
"""Seconds after which what nobody used counts as unused."""

KEY_AGE = 90 * 86400.0
PEAK_DAYS = 7 * 86400.0
"""How far back failed logins are looked at."""

_ORDER = [Severity.CRITICAL, Severity.WARNING, Severity.NOTICE]


def review(
    db: Connection, now: float, unused: float = UNUSED, files: Sequence[Path] = ()
) -> list[Finding]:
    """All findings, the worst first; `files` are those with the server's certificates.

    Reads whole tables, so it wants a thread and a connection of its own.
    """
    found = [
        *accounts.unused(db, now, unused),
        *accounts.secrets(db, now, unused),
        *grants.findings(db, now, unused),
        *_public(db),
        *_old_keys(db, now),
        *ends.of_files(files, now),
        *ends.of_issuers(db, now),
        *logins.peaks(usage.failures(db, now - PEAK_DAYS)),
    ]
    return sorted(found, key=lambda finding: _ORDER.index(finding.severity))


def _public(db: Connection) -> list[Finding]:
    text = "anyone may pull from it: entrepot project update {} --private, if that is not meant"
    return [
        Finding("public project", Severity.NOTICE, f"project:{name}", text.format(name))
        for name in projects.public(db)
    ]


def _old_keys(db: Connection, now: float) -> list[Finding]:
    return [
        Finding(
            "old signing key",
            Severity.WARNING,
            f"key {key.id}",
            f"it has signed tokens for {days(now - key.created_at)}: entrepot key rotate",
            key.created_at,
        )
        for key in keys.every(db)
        if key.retired_at is None and now - key.created_at > KEY_AGE
    ]
