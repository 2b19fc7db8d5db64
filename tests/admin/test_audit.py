"""The audit over the API: auditors see all of it, owners what was done to their own project."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest
from tests.accounts import ADMIN, Accounts, Credential, first_start
from tests.content import put_image
from tests.served import Served, serving
from tests.waiting import until

from entrepot.db import audit, engine
from entrepot.db.connection import Connection


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("admin-audit") / "data"
    first_start(data)
    with serving(data, "own", dangerously_without_accounts=False) as served:
        yield served


@pytest.fixture(scope="module")
def people(served: Served) -> dict[str, Credential]:
    accounts = Accounts(served.folder)
    return {
        "admin": ADMIN,
        "auditor": accounts.user("audrey", "auditor:*"),
        "owner": accounts.user("olga", "owner:team/*"),
        "owner of one repository": accounts.user("otto", "owner:team/app"),
        "maintainer": accounts.user("mia", "maintainer:team/*"),
        "nobody": accounts.user("nora"),
    }


@pytest.fixture(scope="module")
def admin(served: Served, people: dict[str, Credential]) -> Iterator[httpx.Client]:
    """Has pushed and pulled something in two projects; the pulls are written down."""
    with client(served, ADMIN) as admin:
        for repository in ("team/app", "team/web", "team", "other/app"):
            put_image(admin, repository, "1")
        admin.get("/v2/team/app/manifests/1").raise_for_status()
        until(lambda: bool(items(admin, action="pull")))
        yield admin


def client(served: Served, who: Credential | None) -> httpx.Client:
    auth = who.pair if who else None
    return httpx.Client(base_url=served.url, auth=auth)


def items(client: httpx.Client, **parameters: str | int) -> list[dict[str, object]]:
    answer = client.get("/api/v1/audit", params=parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["items"]
    return found


SEES: dict[str, dict[str, set[str]]] = {
    "everything": {"": {"admin", "auditor"}},
    "a project": {"team/*": {"admin", "auditor", "owner"}},
    "a repository": {"team/app": {"admin", "auditor", "owner"}},
    "another project": {"other/*": {"admin", "auditor"}},
    "a part of several projects": {"te*": {"admin", "auditor"}},
    "the whole registry": {"*": {"admin", "auditor"}},
}


@pytest.mark.parametrize("path", ["", "/export"])
@pytest.mark.parametrize("asked", SEES.values(), ids=SEES)
@pytest.mark.parametrize(
    "who", ["admin", "auditor", "owner", "owner of one repository", "maintainer", "nobody"]
)
def test_who_sees_what(
    admin: httpx.Client,
    served: Served,
    people: dict[str, Credential],
    who: str,
    asked: dict[str, set[str]],
    path: str,
) -> None:
    [(repository, seers)] = asked.items()
    parameters = {"repository": repository} if repository else {}
    with client(served, people[who]) as looking:
        answer = looking.get(f"/api/v1/audit{path}", params=parameters)
    assert answer.status_code == (200 if who in seers else 403), answer.text


@pytest.mark.parametrize("path", ["verify", "review"])
@pytest.mark.parametrize("who", ["admin", "auditor", "owner", "maintainer", "nobody"])
def test_who_may_verify_and_review(
    admin: httpx.Client, served: Served, people: dict[str, Credential], who: str, path: str
) -> None:
    with client(served, people[who]) as looking:
        answer = looking.get(f"/api/v1/audit/{path}")
    assert answer.status_code == (200 if who in ("admin", "auditor") else 403)


@pytest.mark.parametrize("path", ["", "/export", "/verify", "/review"])
def test_anonymous_is_asked_to_log_in(admin: httpx.Client, served: Served, path: str) -> None:
    with client(served, None) as looking:
        assert looking.get(f"/api/v1/audit{path}").status_code == 401


def test_an_owner_gets_rows_of_the_project_alone(
    admin: httpx.Client, served: Served, people: dict[str, Credential]
) -> None:
    with client(served, people["owner"]) as looking:
        found = items(looking, repository="team/*", limit=1000)
    assert {each["repository"] for each in found} == {"team", "team/app", "team/web"}


def test_rows_come_newest_first_and_by_pages(admin: httpx.Client) -> None:
    whole = items(admin, repository="team/*", limit=1000)
    times = [str(each["at"]) for each in whole]
    assert times == sorted(times, reverse=True)
    found: list[dict[str, object]] = []
    after: str | None = None
    while True:
        parameters = {"repository": "team/*", "limit": "2"} | ({"after": after} if after else {})
        page = admin.get("/api/v1/audit", params=parameters).json()
        assert len(page["items"]) <= 2
        found += page["items"]
        after = page["next"]
        if after is None:
            break
    assert found == whole


def test_a_row_has_every_word(admin: httpx.Client) -> None:
    [row] = items(admin, repository="team/app", action="pull")
    assert (row["actor"], row["via"], row["reference"]) == ("user:admin", "password", "1")
    assert datetime.fromisoformat(str(row["at"])).tzinfo == UTC


@pytest.mark.parametrize(
    ("parameters", "some"),
    [
        ({"since": "2020-01-01T00:00:00Z"}, True),
        ({"since": "2020-01-01"}, True),
        ({"until": "2020-01-01T00:00:00+02:00"}, False),
        ({"until": "1970-01-01T00:00:00Z"}, False),
        ({"since": "9999-12-31T23:59:59Z"}, False),
        ({"actor": "user:admin"}, True),
        ({"actor": "user:%"}, False),
        ({"result": "failed"}, False),
        ({"address": "127.0.0.1"}, True),
        ({"action": "pull", "repository": "team/app", "result": "ok"}, True),
        ({"after": 0}, False),
        ({"after": 2**62}, False),
    ],
    ids=str,
)
def test_filters(admin: httpx.Client, parameters: dict[str, str | int], *, some: bool) -> None:
    assert bool(items(admin, **parameters)) is some


@pytest.mark.parametrize(
    "parameters",
    [
        {"since": "yesterday"},
        {"repository": "Team/*"},
        {"repository": "%"},
        {"result": "good"},
        {"limit": 0},
        {"limit": 1001},
        {"after": -1},
        {"after": 2**63},
        {"after": "x"},
        {"actor": "x" * 256},
    ],
    ids=str,
)
def test_what_is_no_filter(admin: httpx.Client, parameters: dict[str, str | int]) -> None:
    assert admin.get("/api/v1/audit", params=parameters).status_code == 422


def test_an_export_has_what_the_list_has(admin: httpx.Client) -> None:
    whole = items(admin, repository="team/*", limit=1000)
    answer = admin.get("/api/v1/audit/export", params={"repository": "team/*"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.text.splitlines()] == whole
    answer = admin.get("/api/v1/audit/export", params={"repository": "team/*", "format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert [int(row["id"]) for row in rows] == [each["id"] for each in whole]


def test_an_export_of_nothing(admin: httpx.Client) -> None:
    assert admin.get("/api/v1/audit/export", params={"action": "none"}).content == b""


def test_it_verifies(admin: httpx.Client, served: Served) -> None:
    first = admin.get("/api/v1/audit/verify").json()
    assert (first["intact"], first["faults"]) == (True, [])
    head = f"{first['head']['id']}:{first['head']['hash']}"
    put_image(admin, "team/more", "1")
    again = admin.get("/api/v1/audit/verify", params={"head": head}).json()
    assert again["intact"]
    assert again["rows"] > first["rows"]
    wrong = f"{first['head']['id']}:{'f' * 64}"
    told = admin.get("/api/v1/audit/verify", params={"head": wrong}).json()
    assert not told["intact"]
    [fault] = told["faults"]
    assert fault.startswith(f"row {first['head']['id']} is not the one that was noted")
    assert admin.get("/api/v1/audit/verify", params={"head": "1:x"}).status_code == 422


def test_it_reviews(admin: httpx.Client, served: Served) -> None:
    with closing(engine.connect(served.folder)) as db:
        db.execute("update project set public = 1 where name = 'other'")
    found = admin.get("/api/v1/audit/review").json()
    assert found["next"] is None
    kinds = {(each["kind"], each["severity"], each["subject"]) for each in found["items"]}
    assert ("public project", "notice", "project:other") in kinds
    unused = admin.get("/api/v1/audit/review", params={"unused": 0}).json()["items"]
    assert ("unused account", "user:nora") in {(e["kind"], e["subject"]) for e in unused}


def test_what_was_refused_is_in_the_audit(
    admin: httpx.Client, served: Served, people: dict[str, Credential]
) -> None:
    with client(served, people["nobody"]) as looking:
        looking.get("/api/v1/audit", params={"repository": "other/app"})
    until(lambda: bool(items(admin, actor="user:nora", result="denied", action="audit")))


def test_altered_rows_are_told_of(admin: httpx.Client, served: Served) -> None:
    """Runs last, for it spoils the chain."""
    with closing(engine.connect(served.folder)) as db:
        altered(db)
    told = admin.get("/api/v1/audit/verify").json()
    assert not told["intact"]
    assert told["faults"] == [
        "row 2 does not follow from the one before: one of the two was altered"
    ]


def altered(db: Connection) -> None:
    assert audit.head(db)[0] > 2
    db.execute("update audit set actor = 'user:eve' where id = 2")
