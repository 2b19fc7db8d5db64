"""Sign-ons that wait are picked up once, and in time."""

import time

import pytest

from entrepot.db import accounts, sign_ons
from entrepot.db.accounts import Kind
from entrepot.db.connection import Connection
from entrepot.db.sign_ons import SignedOn


@pytest.fixture
def account(db: Connection) -> int:
    return accounts.create(db, Kind.USER, "alice", "test").id


def test_one_is_picked_up_once(db: Connection, account: int) -> None:
    sign_ons.add(db, "code", account, "proof", time.time() + 60)
    assert sign_ons.waits(db, "code")
    assert not sign_ons.waits(db, "other")
    assert sign_ons.take(db, "other") is None
    assert sign_ons.take(db, "code") == SignedOn(account, "proof")
    assert sign_ons.take(db, "code") is None


def test_one_whose_time_is_over(db: Connection, account: int) -> None:
    sign_ons.add(db, "late", account, "proof", time.time() - 1)
    assert sign_ons.take(db, "late") is None
    sign_ons.add(db, "later", account, "proof", time.time() - 1)
    sign_ons.add(db, "next", account, "proof", time.time() + 60)
    assert db.execute("select code from sign_on").fetchall() == [("next",)]


def test_one_goes_with_its_account(db: Connection, account: int) -> None:
    sign_ons.add(db, "code", account, "proof", time.time() + 60)
    found = accounts.by_id(db, account)
    assert found is not None
    accounts.remove(db, found)
    assert not sign_ons.waits(db, "code")
