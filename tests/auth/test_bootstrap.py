"""The first start: an admin whose password is shown once, and a key; never a default password."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread

import pytest

from entrepot.auth import bootstrap, passwords
from entrepot.db import accounts, engine, grants, keys
from entrepot.db.accounts import Account, Kind
from entrepot.db.connection import Connection

GOOD = "correct horse battery"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    engine.prepare(tmp_path)
    with closing(engine.connect(tmp_path)) as db:
        yield db


def admin(db: Connection) -> Account:
    found = accounts.find(db, Kind.USER, "admin")
    assert found is not None
    return found


def comes_in(db: Connection, password: str) -> bool:
    kept = admin(db).password
    return kept is not None and passwords._verify(kept, password)


def test_the_password_is_made_up_and_told_once(db: Connection) -> None:
    told = bootstrap.furnish(db, None)
    assert told is not None
    assert len(told) >= 20
    assert comes_in(db, told)
    [grant] = grants.every(db)
    assert (grant.subject, grant.role, grant.pattern) == ("user:admin", "admin", "*")
    assert len(keys.every(db)) == 1
    assert bootstrap.furnish(db, None) is None
    assert comes_in(db, told)


def test_no_two_registries_have_the_same(tmp_path: Path) -> None:
    told = set()
    for name in "abc":
        engine.prepare(tmp_path / name)
        with closing(engine.connect(tmp_path / name)) as db:
            told.add(bootstrap.furnish(db, None))
    assert len(told) == 3


def test_a_password_that_was_given_is_not_told(db: Connection) -> None:
    assert bootstrap.furnish(db, GOOD) is None
    assert comes_in(db, GOOD)


def test_a_later_start_changes_no_password(db: Connection) -> None:
    bootstrap.furnish(db, GOOD)
    assert bootstrap.furnish(db, "another horse battery") is None
    assert comes_in(db, GOOD)
    assert len(grants.every(db)) == len(keys.every(db)) == 1


@pytest.mark.parametrize("password", ["x", "1234567", "x" * 1025])
def test_a_password_that_is_none_makes_nobody(db: Connection, password: str) -> None:
    with pytest.raises(ValueError, match="8 to 1024"):
        bootstrap.furnish(db, password)
    assert not accounts.any_user(db)


def test_a_deleted_admin_does_not_come_back(db: Connection) -> None:
    bootstrap.furnish(db, GOOD)
    accounts.create(db, Kind.USER, "alice", "test")
    accounts.remove(db, admin(db))
    assert bootstrap.furnish(db, None) is None
    assert accounts.find(db, Kind.USER, "admin") is None


def test_of_several_first_starts_one_makes_the_admin(tmp_path: Path) -> None:
    engine.prepare(tmp_path)
    told: list[str | None] = []
    barrier = Barrier(4)

    def start() -> None:
        with closing(engine.connect(tmp_path)) as db:
            barrier.wait()
            told.append(bootstrap.furnish(db, None))

    threads = [Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [password] = [each for each in told if each is not None]
    with closing(engine.connect(tmp_path)) as db:
        assert comes_in(db, password)
        assert len(grants.every(db)) == len(keys.every(db)) == 1


def test_recovery_makes_an_admin_of_whoever(db: Connection) -> None:
    bootstrap.furnish(db, GOOD)
    accounts.set_disabled(db, admin(db).id, disabled=True)
    told = bootstrap.recover(db, "admin")
    assert told != GOOD
    assert comes_in(db, told)
    assert not comes_in(db, GOOD)
    assert not admin(db).disabled
    bootstrap.recover(db, "alice")
    assert {each.subject for each in grants.every(db)} == {"user:admin", "user:alice"}
    actions = [row[0] for row in db.execute("select action from audit order by id")]
    assert actions == ["user create", "user recover", "user recover"]
