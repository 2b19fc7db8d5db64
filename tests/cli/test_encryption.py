"""`entrepot encryption`: keys are made, and what lies under them is shown."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
from tests.accounts import first_start
from tests.cli.desk import PASSWORD, Desk
from tests.content import put_blob
from tests.served import serving

from entrepot.cli.encryption import progress
from entrepot.encryption.keys import MasterKey

SECRET = MasterKey.new().encoded


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


def test_without_a_key_there_is_nothing_to_change(desk: Desk) -> None:
    for words in ("rotate", "encrypt-old"):
        said = desk.bad("encryption", words)
        assert said == "there is no key: give one by ENTREPOT_ENCRYPTION_KEY_FILE, and restart"


def test_old_blobs_are_encrypted_and_keys_changed(tmp_path: Path) -> None:
    first_start(tmp_path / "data")
    old, new = MasterKey.parse(f"old:{SECRET}"), MasterKey.new()
    with serving(tmp_path / "data", "own") as served:
        put_blob(served.client, "team/app", bytes(100_000))
    given: Any = {"dangerously_without_accounts": False, "encryption_key": old.line}
    with serving(tmp_path / "data", "own", **given) as served:
        desk = Desk(served, tmp_path / "contexts.json")
        desk.login()
        eventually(desk, r"old +current +1 +0 +.*\n- +not encrypted +0 +1 +97.7 KiB\n")
        said = desk.good("encryption", "encrypt-old")
        assert said.startswith("old blobs are being encrypted: `entrepot encryption status` says")
        eventually(desk, r"old +current +1 +1 +.*\n- +not encrypted +0 +0 +0 B\n")
        assert desk.json("encryption", "encrypt-old")["name"] == "encrypt-old"
    given["encryption_key"] = f"{new.line},{old.line}"
    with serving(tmp_path / "data", "own", **given) as served:
        desk = Desk(served, tmp_path / "contexts.json")
        desk.good("login", served.url, "-u", "admin", "--password-stdin", stdin=PASSWORD)
        assert desk.good("encryption", "rotate").startswith("rows are being sealed")
        eventually(desk, rf"{new.id} +current +\d +1 +.*\nold +older +0 +0 +0 B\n")


def eventually(desk: Desk, wanted: str) -> None:
    """Wait until the status looks so, and no job is at work."""
    deadline, said = time.monotonic() + 60, ""
    while time.monotonic() < deadline:
        said = desk.good("encryption", "status")
        if re.search(wanted, said):
            return
        time.sleep(0.05)
    raise AssertionError(said)


WORK: dict[str, tuple[dict[str, object], str]] = {
    "rows": ({"name": "rekey", "state": "running", "done": 5, "total": 9}, "5 of 9"),
    "bytes": (
        {"name": "encrypt-old", "state": "running", "done": 2048, "total": 1 << 30},
        "2.0 KiB of 1.0 GiB",
    ),
    "nobody knows": ({"name": "rekey", "state": "running", "done": 0, "total": None}, "0"),
    "failed": (
        {"name": "rekey", "state": "failed", "error": "the disk is full"},
        "the disk is full",
    ),
}


@pytest.mark.parametrize(("work", "said"), WORK.values(), ids=WORK)
def test_progress(work: dict[str, object], said: str) -> None:
    assert progress(work) == said
