"""What lies under which key, as the API tells it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.admin.office import Office, opened, problem
from tests.content import digest, put_image
from tests.served import serving

from entrepot.admin.encryption import summed
from entrepot.db.keyed import Usage
from entrepot.encryption.keys import Keyring, MasterKey

OLD, NEW = MasterKey.new(), MasterKey.new()
LAYER = b"layer" * 20_000


@contextmanager
def again(folder: Path, **settings: Any) -> Iterator[Office]:
    """A later start."""
    with serving(folder, "own", dangerously_without_accounts=False, **settings) as served:
        yield Office(served)


def push(office: Office, tag: str) -> None:
    with httpx.Client(base_url=office.served.url, auth=ADMIN.pair, timeout=30) as client:
        put_image(client, "team/app", tag, LAYER + tag.encode(), config=tag.encode())


def told(office: Office) -> Any:
    answer = office.admin.at.get("/encryption")
    assert answer.status_code == 200
    return answer.json()


def become(office: Office, keys: list[dict[str, Any]], bare: dict[str, Any]) -> None:
    """Wait until that is what lies there, and nothing is under way."""
    deadline, found = time.monotonic() + 60, told(office)
    while time.monotonic() < deadline:
        idle = all(work["state"] == "waiting" for work in found["jobs"])
        if (found["keys"], found["plain"], idle) == (keys, bare, True):
            return
        time.sleep(0.05)
        found = told(office)
    raise AssertionError(found)


def test_what_lies_under_which_key(tmp_path: Path) -> None:
    """Rows come to the current key by themselves, old blobs when asked for."""
    with opened(tmp_path) as office:
        push(office, "1")
        assert told(office) == {"keys": [], "plain": plain(3, 1), "jobs": []}
        for path in ("rotate", "encrypt-old"):
            assert "ENTREPOT_ENCRYPTION_KEY_FILE" in problem(
                office.admin.at.post(f"/encryption/{path}", None), 409
            )
    with again(tmp_path, encryption_key=OLD.line) as office:
        become(office, [key(OLD, "current", 3, 0)], plain(0, 1))
        push(office, "2")
        become(office, [key(OLD, "current", 5, 1)], plain(0, 1))
        answer = office.admin.at.post("/encryption/encrypt-old", None)
        assert (answer.status_code, answer.json()["name"]) == (202, "encrypt-old")
        become(office, [key(OLD, "current", 5, 2)], plain(0, 0))
    with again(tmp_path, encryption_key=f"{NEW.line},{OLD.line}") as office:
        push(office, "3")
        become(office, [key(NEW, "current", 7, 3), key(OLD, "older", 0, 0)], plain(0, 0))
        answer = office.admin.at.post("/encryption/rotate", None)
        assert (answer.status_code, answer.json()["name"]) == (202, "rekey")
        notes = {work["name"]: work["note"] for work in told(office)["jobs"]}
        assert notes["encrypt-old"] == "1 blobs"
        actions = [row["action"] for row in office.admin.at.get("/audit").json()["items"]]
        assert {"encryption rotate"} <= set(actions)
    with again(tmp_path, encryption_key=NEW.line) as office:
        become(office, [key(NEW, "current", 7, 3)], plain(0, 0))
        with httpx.Client(base_url=office.served.url, auth=ADMIN.pair, timeout=30) as client:
            for tag in ("1", "2", "3"):
                path = f"/v2/team/app/blobs/{digest(LAYER + tag.encode())}"
                assert client.get(path).content == LAYER + tag.encode()


class Number:
    """Any number."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int)

    __hash__ = None  # type: ignore[assignment]


def plain(rows: int, objects: int) -> dict[str, Any]:
    return {"rows": rows, "objects": objects, "bytes": Number()}


def key(master: MasterKey, state: str, rows: int, objects: int) -> dict[str, Any]:
    return {"id": master.id, "state": state, **plain(rows, objects)}


SUMS: dict[str, tuple[list[Usage], tuple[MasterKey, ...], list[tuple[str, str, int]], int]] = {
    "nothing": ([], (), [], 0),
    "a key for nothing": ([], (NEW,), [(NEW.id, "current", 0)], 0),
    "all tables": (
        [
            Usage("manifest", OLD.id, 1, 1),
            Usage("blob", OLD.id, 1, 2),
            Usage("piece", OLD.id, 1, 4),
        ],
        (OLD,),
        [(OLD.id, "current", 7)],
        0,
    ),
    "missing": (
        [Usage("blob", "gone", 1, 2), Usage("blob", None, 1, 4)],
        (NEW,),
        [(NEW.id, "current", 0), ("gone", "missing", 2)],
        4,
    ),
    "under its fingerprint": (
        [Usage("blob", OLD.id, 1, 2), Usage("blob", "named", 1, 4)],
        (MasterKey("named", OLD.secret),),
        [("named", "current", 6)],
        0,
    ),
}


@pytest.mark.parametrize(("usage", "ring", "keys", "bare"), SUMS.values(), ids=SUMS)
def test_sums(
    usage: list[Usage], ring: tuple[MasterKey, ...], keys: list[tuple[str, str, int]], bare: int
) -> None:
    found = summed(usage, Keyring(ring), [])
    assert [(each.id, each.state, each.bytes) for each in found.keys] == keys
    assert found.plain.bytes == bare


def test_who_may_see_it(office: Office) -> None:
    assert office.person("auditor:*").at.get("/encryption").status_code == 200
    problem(office.person("owner:*").at.get("/encryption"), 403)
