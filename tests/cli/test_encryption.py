"""`entrepot encryption`: keys are made, and what lies under them is shown."""

import pytest
from tests.cli.desk import Desk

from entrepot.encryption.keys import MasterKey


def test_a_new_key(empty: Desk) -> None:
    """It asks no server."""
    said = empty.good("encryption", "new-key")
    assert said.count("\n") == 1
    key = MasterKey.parse(said)
    assert key.line == said.strip()
    assert MasterKey.parse(empty.good("encryption", "new-key")) != key


def test_a_new_key_with_an_id(empty: Desk) -> None:
    assert MasterKey.parse(empty.good("encryption", "new-key", "--id", "2026-11")).id == "2026-11"
    made = empty.json("encryption", "new-key", "--id", "main")
    assert made["id"] == "main"
    assert MasterKey.parse(made["key"]).id == "main"


@pytest.mark.parametrize("name", ["a b", "a:b", "-", "x" * 65])
def test_an_id_that_is_none(empty: Desk, name: str) -> None:
    said = empty.bad("encryption", "new-key", "--id", name)
    assert said == f"--id is {name!r}: the id of a key has letters, digits, dots and dashes"


def test_status_where_nothing_is_encrypted(desk: Desk) -> None:
    heads, plain = desk.good("encryption", "status").splitlines()
    assert heads.split() == ["key", "state", "rows", "objects", "size"]
    assert plain.split()[:3] == ["-", "not", "encrypted"]
    found = desk.json("encryption", "status")
    assert found["keys"] == []
    assert found["plain"]["rows"] >= 1
