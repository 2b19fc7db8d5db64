"""There is always an admin: whatever would take the last one's power away is undone."""

from collections.abc import Iterator
from contextlib import contextmanager

from entrepot.admin.problem import Problem
from entrepot.auth import pattern
from entrepot.auth.roles import Role
from entrepot.db import accounts, grants, groups
from entrepot.db.accounts import Kind
from entrepot.db.connection import Connection


@contextmanager
def kept(db: Connection) -> Iterator[None]:
    """Raise a problem where nobody could administer the registry after the block, but could before.

    To be used in the transaction that makes the change. Robots do not count: what one of them
    breaks, a person has to mend.
    """
    before = _any(db)
    yield
    if before and not _any(db):
        raise Problem(409, "nobody could administer the registry then: make another admin first")


def _any(db: Connection) -> bool:
    """Whether a user who may come in is an admin, by themselves or by a group."""
    return any(
        _comes_in(db, user)
        for grant in grants.every(db)
        if grant.role == Role.ADMIN and grant.pattern == pattern.ANY
        for user in _users(db, grant.subject)
    )


def _users(db: Connection, subject: str) -> list[str]:
    kind, _, name = subject.partition(":")
    return groups.members(db, name) if kind == "group" else [name] if kind == "user" else []


def _comes_in(db: Connection, user: str) -> bool:
    found = accounts.find(db, Kind.USER, user)
    return found is not None and not found.disabled
