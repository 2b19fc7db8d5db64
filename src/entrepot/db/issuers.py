"""Issuers whose tokens workloads bring, and the trust rules that say whom such a token means."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entrepot.db.connection import Connection


@dataclass(frozen=True, slots=True)
class Issuer:
    """A row; times are seconds since 1970."""

    url: str
    ca: str | None
    """PEM of a private CA; None for the system's."""
    jwks: Mapping[str, Any] | None
    """Its keys; None where they are found by discovery."""
    created_at: float = 0
    created_by: str = ""


@dataclass(frozen=True, slots=True)
class Trust:
    """A row: a token of the issuer with these claims means the workload `name`."""

    name: str
    issuer: str
    audience: str
    claims: Mapping[str, str]
    """Pattern by path."""
    created_at: float = 0
    created_by: str = ""


def _issuer(row: tuple[Any, ...]) -> Issuer:
    url, ca, jwks, *rest = row
    return Issuer(url, ca, json.loads(jwks) if jwks else None, *rest)


def _trust(row: tuple[Any, ...]) -> Trust:
    name, issuer, audience, claims, *rest = row
    return Trust(name, issuer, audience, json.loads(claims), *rest)


def issuers(db: Connection) -> list[Issuer]:
    """All issuers."""
    rows = db.execute("select url, ca, jwks, created_at, created_by from issuer order by url")
    return [_issuer(row) for row in rows]


def put_issuer(db: Connection, issuer: Issuer, by: str) -> None:
    """Make an issuer known, or say anew how its keys are had."""
    db.execute(
        "insert into issuer (url, ca, jwks, created_at, created_by) values (?, ?, ?, ?, ?) "
        "on conflict (url) do update set ca = excluded.ca, jwks = excluded.jwks",
        (
            issuer.url,
            issuer.ca,
            json.dumps(issuer.jwks) if issuer.jwks is not None else None,
            time.time(),
            by,
        ),
    )


def remove_issuer(db: Connection, url: str) -> bool:
    """Forget an issuer, with its rules. False where there was none."""
    for trust in trusts(db):
        if trust.issuer == url:
            remove_trust(db, trust.name)
    return db.execute("delete from issuer where url = ?", (url,)).rowcount > 0


def trusts(db: Connection) -> list[Trust]:
    """All rules, by name."""
    rows = db.execute(
        "select name, issuer, audience, claims, created_at, created_by from trust order by name"
    )
    return [_trust(row) for row in rows]


def put_trust(db: Connection, trust: Trust, by: str) -> None:
    """Make a rule, or change one. Raises sqlite3.IntegrityError where the issuer is unknown."""
    db.execute(
        "insert into trust (name, issuer, audience, claims, created_at, created_by) "
        "values (?, ?, ?, ?, ?, ?) on conflict (name) do update set issuer = excluded.issuer, "
        "audience = excluded.audience, claims = excluded.claims",
        (trust.name, trust.issuer, trust.audience, json.dumps(dict(trust.claims)), time.time(), by),
    )


def remove_trust(db: Connection, name: str) -> bool:
    """Delete a rule with its grants. False where there was none."""
    db.execute("delete from permission where subject = ?", (f"workload:{name}",))
    return db.execute("delete from trust where name = ?", (name,)).rowcount > 0
