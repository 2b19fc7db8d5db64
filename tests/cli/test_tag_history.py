"""`entrepot tag history`, `resolve` and `rollback`, as someone reads and types them."""

import re
from collections.abc import Iterator
from datetime import datetime

import httpx
import pytest
from tests.accounts import ADMIN
from tests.admin.office import fresh
from tests.cli.desk import Desk
from tests.content import put_image


class Pushed:
    """A repository whose tag `prod` was A, and is B."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.app = f"{fresh('past')}/app"
        self.a = put_image(client, self.app, "prod", b"a")
        self.b = put_image(client, self.app, "prod", b"b")


@pytest.fixture
def pushed(desk: Desk) -> Iterator[Pushed]:
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair, timeout=30) as client:
        yield Pushed(client)


def test_history(desk: Desk, pushed: Pushed) -> None:
    newest, first = desk.json("tag", "history", pushed.app, "prod")
    assert (first["new"], newest["old"], newest["new"]) == (pushed.a, pushed.a, pushed.b)
    heading, line, last = desk.good("tag", "history", pushed.app, "prod").splitlines()
    assert heading.split() == ["move", "when", "by", "what", "from", "to", "why"]
    a, b = pushed.a[:19], pushed.b[:19]
    assert re.fullmatch(rf"{newest['number']} +\S+ \S+ +user:admin +tagged +{a} +{b} +-", line), (
        line
    )
    assert last.startswith(str(first["number"]))
    assert desk.json("tag", "history", pushed.app, "prod", "--limit", "1") == [newest]
    said = desk.bad("tag", "history", pushed.app, "none")
    assert said == f"there never was a tag none in {pushed.app}"


def test_resolve(desk: Desk, pushed: Pushed) -> None:
    host = desk.url.removeprefix("http://")
    found = desk.json("tag", "resolve", pushed.app, "prod")
    assert (found["digest"], found["state"]) == (pushed.b, "here")
    assert found["pull"] == f"{host}/{pushed.app}@{pushed.b}"
    first = desk.json("tag", "history", pushed.app, "prod")[-1]
    shown = desk.good("tag", "resolve", pushed.app, "prod", "--at", first["at"])
    lines = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert lines["digest"] == pushed.a
    assert lines["manifest"] == "here"
    assert lines["move"] == str(first["number"])
    assert lines["pull"] == f"{host}/{pushed.app}@{pushed.a}"
    pushed.client.delete(f"/v2/{pushed.app}/manifests/{pushed.a}").raise_for_status()
    shown = desk.good("tag", "resolve", pushed.app, "prod", "--at", first["at"])
    assert re.search(r"^manifest +in the trash: entrepot trash restore \d+$", shown, re.MULTILINE)
    said = desk.bad("tag", "resolve", pushed.app, "prod", "--at", "2026-01-01")
    assert said == f"there was no tag prod in {pushed.app} at 2026-01-01 00:00 UTC"
    assert "query.at" in desk.bad("tag", "resolve", pushed.app, "prod", "--at", "soon")


def test_rollback(desk: Desk, pushed: Pushed) -> None:
    *_, first = desk.json("tag", "history", pushed.app, "prod")
    then = f"{datetime.fromisoformat(first['at']):%Y-%m-%d %H:%M}"
    assert desk.bad("tag", "rollback", pushed.app, "prod") == (
        f"point {pushed.app}:prod from {pushed.b[:19]} to {pushed.a[:19]}, as user:admin had it "
        f"on {then}? Say --yes, since there is no terminal to ask at"
    )
    words = ("tag", "rollback", pushed.app, "prod", "--yes")
    done = desk.good(*words, "--reason", "errors at checkout")
    assert done.startswith(f"{pushed.app}:prod points to {pushed.a[:19]}, as user:admin had it on")
    newest, second, _ = desk.json("tag", "history", pushed.app, "prod")
    assert (newest["new"], newest["reason"]) == (pushed.a, "errors at checkout")
    assert desk.json(*words, "--to", str(second["number"]))["new"] == pushed.b
    assert "points to" in desk.bad(*words, "--to", str(second["number"]))
    assert "has no move 0: see entrepot tag history" in desk.bad(*words, "--to", "0")
    pushed.client.delete(f"/v2/{pushed.app}/manifests/{pushed.a}").raise_for_status()
    assert re.search(r"lies in the trash: entrepot trash restore \d+$", desk.bad(*words))
