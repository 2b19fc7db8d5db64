"""A secret that no key opens spoils no list: its row says so, and can be mended or removed."""

from contextlib import closing
from typing import Any

import pytest
from tests.admin.office import At, Office, fresh, made, problem

from entrepot.db.engine import connect

URL = "https://127.0.0.1:9"
WANTED: dict[str, tuple[dict[str, Any], str]] = {
    "upstream": ({"url": URL, "login": "bot", "password": "word"}, "project"),
    "replication": ({"url": URL, "login": "bot", "password": "word", "pattern": "a/*"}, "name"),
}
"""What each is made of, and what it is called by."""


def lock(office: Office, table: str, column: str, name: str) -> None:
    """Have its secret sealed by a key that nobody has."""
    with closing(connect(office.served.folder)) as db, db.exclusive():
        db.execute(
            f"update {table} set secret = 'c2VhbGVk', key = 'gone' where {column} = ?", (name,)
        )


def listed(admin: At, path: str, column: str) -> dict[str, Any]:
    return {each[column]: each for each in admin.pages(path, 50)}


@pytest.mark.parametrize("what", WANTED)
def test_a_password(what: str, office: Office) -> None:
    admin, path, (wanted, column) = office.admin.at, f"/{what}s", WANTED[what]
    told = "trouble" if what == "upstream" else "error"
    names = [fresh("locked") for _ in range(2)]
    for name in names:
        more = {"hosts": [f"{name}.test"]} if what == "upstream" else {}
        made(admin.post(path, {**wanted, **more, column: name}))
        lock(office, what, column, name)
    first, second = names
    found = listed(admin, path, column)
    for name in names:
        assert "its password cannot be opened: " in found[name][told]
        assert "give that key, or the password again" in found[name][told]
        assert found[name]["has_password"]
    why = problem(admin.patch(f"{path}/{first}", {"login": "other"}), 422)
    assert "give it again" in why
    assert listed(admin, path, column)[first]["login"] == "bot"
    mended = admin.patch(f"{path}/{first}", {"login": "other", "password": "new"})
    assert mended.status_code == 200
    assert "cannot be opened" not in mended.json()[told]
    assert admin.delete(f"{path}/{second}").status_code == 204
    assert admin.get(f"{path}/{second}").status_code == 404
    assert admin.delete(f"{path}/{first}").status_code == 204


def test_an_address_of_a_webhook(office: Office) -> None:
    admin = office.admin.at
    good, bad = (
        made(admin.post("/webhooks", {"url": f"{URL}/hook", "pattern": f"{fresh('team')}/*"}))
        for _ in range(2)
    )
    lock(office, "webhook", "id", bad["id"])
    found = listed(admin, "/webhooks", "id")
    assert (found[good["id"]]["url"], found[good["id"]]["trouble"]) == (f"{URL}/hook", "")
    assert found[bad["id"]]["url"] == ""
    assert "remove the webhook and make it anew" in found[bad["id"]]["trouble"]
    path = f"/webhooks/{bad['id']}"
    for refused in (
        admin.patch(path, {"about": "words"}),
        admin.post(f"{path}/rotate", {}),
        admin.post(f"{path}/test", {}),
    ):
        assert "cannot be opened" in problem(refused, 409)
    assert admin.get(path).json()["about"] == ""
    assert admin.delete(path).status_code == 204
    assert admin.get(path).status_code == 404
