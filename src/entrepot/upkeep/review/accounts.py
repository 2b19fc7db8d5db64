"""Accounts and tokens: unused for long, or good for ever."""

from collections.abc import Iterator

from entrepot.db import accounts
from entrepot.db import secrets as kept
from entrepot.db.connection import Connection
from entrepot.db.secrets import Kind, Secret
from entrepot.upkeep.review.finding import Finding, Severity, days


def unused(db: Connection, now: float, seconds: float) -> Iterator[Finding]:
    """Accounts that nobody has used for so long."""
    for account in accounts.every(db):
        last = account.seen_at or account.created_at
        if account.disabled or now - last <= seconds:
            continue
        since = "used" if account.seen_at else "used since it was made"
        text = f"not {since} for {days(now - last)}: disable or delete it"
        yield Finding("unused account", Severity.WARNING, account.subject, text, last)


def secrets(db: Connection, now: float, seconds: float) -> Iterator[Finding]:
    """Tokens and robots' secrets that nobody has used, or that never end; of those still good."""
    names = {account.id: account for account in accounts.every(db)}
    for secret in kept.every(db):
        account = names[secret.account]
        if account.disabled or (secret.expires_at is not None and secret.expires_at <= now):
            continue
        what = "token" if secret.kind is Kind.PERSONAL else "secret"
        yield from _secret(secret, f"{what} {secret.name} of {account.subject}", now, seconds)


def _secret(secret: Secret, subject: str, now: float, seconds: float) -> Iterator[Finding]:
    last = secret.used_at or secret.created_at
    if now - last > seconds:
        text = f"not used for {days(now - last)}: revoke it"
        yield Finding("unused token", Severity.WARNING, subject, text, last)
    if secret.expires_at is None:
        text = "it never expires: make a new one that does, and revoke this one"
        yield Finding("endless token", Severity.WARNING, subject, text, secret.created_at)
