"""What lies under which key, as the API tells it."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.admin.office import Office, opened, problem
from tests.content import put_image

from entrepot.admin.encryption import summed
from entrepot.db.keyed import Usage
from entrepot.encryption.keys import Keyring, MasterKey

OLD, NEW = MasterKey.new(), MasterKey.new()
LAYER = b"layer" * 20_000


def push(office: Office, tag: str) -> None:
    with httpx.Client(base_url=office.served.url, auth=ADMIN.pair, timeout=30) as client:
        put_image(client, "team/app", tag, LAYER + tag.encode(), config=tag.encode())


def told(office: Office) -> Any:
    answer = office.admin.at.get("/encryption")
    assert answer.status_code == 200
    return answer.json()


def test_what_lies_under_which_key(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        push(office, "1")
        assert told(office) == {"keys": [], "plain": plain(3, 1)}
    with opened(tmp_path, encryption_key=OLD.line) as office:
        assert told(office)["keys"] == [key(OLD, "current", 0, 0)]
        push(office, "2")
        assert told(office) == {"keys": [key(OLD, "current", 2, 1)], "plain": plain(3, 1)}
    with opened(tmp_path, encryption_key=f"{NEW.line},{OLD.line}") as office:
        push(office, "3")
        keys = [key(NEW, "current", 2, 1), key(OLD, "older", 2, 1)]
        assert told(office) == {"keys": keys, "plain": plain(3, 1)}


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
    found = summed(usage, Keyring(ring))
    assert [(each.id, each.state, each.bytes) for each in found.keys] == keys
    assert found.plain.bytes == bare


def test_who_may_see_it(office: Office) -> None:
    assert office.person("auditor:*").at.get("/encryption").status_code == 200
    problem(office.person("owner:*").at.get("/encryption"), 403)
