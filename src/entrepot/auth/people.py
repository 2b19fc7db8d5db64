"""Whoever signed on at the provider becomes an account here: the one with their identity.

The identity is what the provider calls them for ever; neither a name nor an e-mail address lets
anybody into an account that is there already. Names are only looked at to make a new one.
"""

import shlex
from dataclasses import replace

from entrepot.auth.login import RefusedError
from entrepot.auth.oidc.person import Person
from entrepot.db import accounts, groups
from entrepot.db.accounts import Account, Kind
from entrepot.db.audit import By, Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection

VIA = "single sign-on"


def identity_of(issuer: str, person: Person) -> str:
    """What ties a person at a provider to an account here."""
    return f"{issuer}|{person.subject}"


def admit(db: Connection, issuer: str, person: Person, by: By) -> Account:
    """The person's account, with the groups that the provider says. Raises `RefusedError`.

    Call it in a transaction: it may make the account, and writes to the audit.
    """
    identity = identity_of(issuer, person)
    found = accounts.by_identity(db, identity)
    if found is not None and found.disabled:
        raise RefusedError("this account is disabled: ask an admin", who=found.subject)
    account = found or _create(db, identity, person, by)
    _follow(db, account, person, replace(by, actor=account.subject, via=VIA))
    return account


def _create(db: Connection, identity: str, person: Person, by: By) -> Account:
    if accounts.find(db, Kind.USER, person.name):
        raise RefusedError(
            f"there is a user {person.name} here already, and nobody said that it is you. If it "
            f"is, an admin can link it: entrepot user link {person.name} "
            f"--identity {shlex.quote(identity)}",
            who=f"user:{person.name}",
        )
    email = person.email or None
    account = accounts.create(db, Kind.USER, person.name, VIA, email=email, identity=identity)
    by = replace(by, actor=account.subject, via=VIA)
    detail = {"identity": identity}
    record_access(db, Event("user create", by, reference=account.subject, detail=detail))
    return account


def _follow(db: Connection, account: Account, person: Person, by: By) -> None:
    """Take over what the provider says now; caches are dropped only where that is news."""
    before = groups.of_account(db, account.id)
    groups.sign_on(db, account.id, list(person.groups))
    after = groups.of_account(db, account.id)
    news: dict[str, object] = {} if before == after else {"groups": after, "before": before}
    if person.email and person.email != account.email:
        accounts.describe(db, account.id, account.description, person.email)
        news["email"] = person.email
    if news:
        record_access(db, Event("user change", by, reference=account.subject, detail=news))
