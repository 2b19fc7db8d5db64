"""The first start: a user `admin`, whose password is shown once, and a key that signs tokens."""

from entrepot.auth import keyring, passwords
from entrepot.auth.roles import Role
from entrepot.db import accounts, grants, keys
from entrepot.db.audit import By, Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection

ADMIN = "admin"
_BY = By("entrepot", via="first start")


def furnish(db: Connection, password: str | None) -> str | None:
    """Make what is missing; the admin's password, where it was made up just now.

    Raises ValueError for a password that is none.
    """
    if accounts.any_user(db) and keys.every(db):
        return None
    chosen = passwords.check_new(password) if password else passwords.make()
    hashed = passwords.hashed(chosen)
    with db.exclusive():
        if not keys.every(db):
            keys.add(db, keyring.make())
        made = not accounts.any_user(db)
        if made:
            _make_admin(db, hashed)
    return chosen if made and not password else None


def _make_admin(db: Connection, hashed: str) -> None:
    account = accounts.create(db, accounts.Kind.USER, ADMIN, _BY.actor, password=hashed)
    grants.add(db, account.subject, Role.ADMIN, "*", _BY.actor)
    record_access(db, Event("user create", _BY, reference=account.subject))


def recover(db: Connection, name: str) -> str:
    """Make a user an admin with a new password, whatever it was; the password.

    Whoever can write the data folder can do this, so it asks for nothing.
    """
    chosen = passwords.make()
    hashed = passwords.hashed(chosen)
    with db.exclusive():
        account = accounts.find(db, accounts.Kind.USER, name)
        account = account or accounts.create(db, accounts.Kind.USER, name, "recovery")
        accounts.set_password(db, account.id, hashed)
        accounts.set_disabled(db, account.id, disabled=False)
        grants.add(db, account.subject, Role.ADMIN, "*", "recovery")
        by = By("entrepot", "recovery")
        record_access(db, Event("user recover", by, reference=account.subject))
    return chosen
