"""What people do over HTTP stands in the audit: pulls, changes, logins and denials; no secret."""

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN, Accounts, Credential, first_start
from tests.content import put_image
from tests.served import Served, name, serving
from tests.waiting import until

from entrepot.auth import secrets
from entrepot.db import engine
from entrepot.db.chain import Chain
from entrepot.db.place import Folder
from entrepot.db.secrets import Kind

AGENT = "docker/29.0 test"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data = tmp_path_factory.mktemp("audited") / "data"
    first_start(data)
    with serving(data, "own", dangerously_without_accounts=False) as served:
        yield served
    assert list(Chain(Folder(data).connect_to_read).faults()) == []


@pytest.fixture(scope="module")
def accounts(served: Served) -> Accounts:
    return Accounts(served.folder)


@pytest.fixture(scope="module")
def ann(accounts: Accounts) -> Credential:
    return accounts.user("ann", "maintainer:team/*", "creator:*")


@pytest.fixture(scope="module")
def bob(accounts: Accounts) -> Credential:
    return accounts.user("bob", "reader:team/*")


def client(served: Served, who: Credential | None = None) -> httpx.Client:
    auth = who.pair if who else None
    return httpx.Client(base_url=served.url, auth=auth, headers={"user-agent": AGENT})


def rows(served: Served, **equal: str) -> list[dict[str, Any]]:
    """The rows that have these words, the oldest first."""
    with closing(engine.connect(served.folder)) as db:
        db.row_factory = sqlite3.Row
        terms = " and ".join(f"{column} = ?" for column in equal)
        query = f"select * from audit where {terms} order by id"
        return [dict(row) for row in db.execute(query, tuple(equal.values()))]


def await_rows(served: Served, count: int, **equal: str) -> list[dict[str, Any]]:
    """The rows, once so many events have come."""
    until(lambda: sum(row["times"] for row in rows(served, **equal)) >= count)
    found = rows(served, **equal)
    assert sum(row["times"] for row in found) == count, found
    return found


def test_every_pull_of_a_private_image_is_counted(
    served: Served, ann: Credential, bob: Credential
) -> None:
    """The second and third are answered at once, by a plain function (`distribution.fast`)."""
    repository = name()
    with client(served, ann) as pushing, client(served, bob) as pulling:
        image = put_image(pushing, repository, "1")
        for _ in range(3):
            manifest = pulling.get(f"/v2/{repository}/manifests/1")
        blob = json.loads(manifest.content)["config"]["digest"]
        for _ in range(3):
            pulling.get(f"/v2/{repository}/blobs/{blob}").raise_for_status()
        pulling.get(f"/v2/{repository}/blobs/{blob}", headers={"range": "bytes=0-0"})
        pushing.get(f"/v2/{repository}/manifests/{image}").raise_for_status()
    found = await_rows(served, 8, repository=repository, action="pull")
    pulled = {(row["actor"], row["reference"], row["digest"]) for row in found}
    assert pulled == {
        ("user:bob", "1", str(image)),
        ("user:bob", "", blob),
        ("user:ann", "", str(image)),
    }
    for row in found:
        assert (row["via"], row["address"], row["agent"]) == ("password", "127.0.0.1", AGENT)
        assert row["request"]
        assert row["result"] == "ok"


def test_a_look_is_no_pull(served: Served, ann: Credential, bob: Credential) -> None:
    repository = name()
    with client(served, ann) as pushing, client(served, bob) as looking:
        image = put_image(pushing, repository, "1")
        for _ in range(3):
            looking.head(f"/v2/{repository}/manifests/1").raise_for_status()
            looking.get(f"/v2/{repository}/tags/list").raise_for_status()
        looking.get(f"/v2/{repository}/manifests/1")
    [row] = await_rows(served, 1, repository=repository, action="pull")
    assert row["digest"] == str(image)


def test_pulls_of_a_public_project_are_not_written(
    served: Served, accounts: Accounts, bob: Credential
) -> None:
    accounts.project("open", public=True)
    accounts.grant("user:ann", "writer:open/*")
    admin = client(served, ADMIN)
    with admin, client(served, bob) as pulling, client(served) as anyone:
        put_image(admin, "open/app", "1")
        put_image(admin, "team/last", "1")
        for each in (pulling, anyone):
            for _ in range(3):
                each.get("/v2/open/app/manifests/1").raise_for_status()
        pulling.get("/v2/team/last/manifests/1").raise_for_status()
    await_rows(served, 1, repository="team/last", action="pull")
    assert rows(served, repository="open/app", action="pull") == []


def test_changes_say_who_made_them_and_what_was_before(served: Served, ann: Credential) -> None:
    repository = name()
    with client(served, ann) as pushing:
        first = put_image(pushing, repository, "1")
        second = put_image(pushing, repository, "1", b"other")
        pushing.delete(f"/v2/{repository}/manifests/1").raise_for_status()
        found = rows(served, repository=repository)  # at once: they are in the change's transaction
    told = [(row["action"], row["reference"], row["digest"], row["detail"]) for row in found]
    assert told == [
        ("pushed", str(first), str(first), "{}"),
        ("tagged", "1", str(first), "{}"),
        ("pushed", str(second), str(second), "{}"),
        ("tagged", "1", str(second), json.dumps({"old": str(first)})),
        ("untagged", "1", str(second), "{}"),
    ]
    assert {(row["actor"], row["agent"]) for row in found} == {("user:ann", AGENT)}


def test_a_first_push_writes_down_the_project_that_it_makes(
    served: Served, ann: Credential
) -> None:
    with client(served, ann) as pushing:
        put_image(pushing, "fresh/app", "1")
    [made] = rows(served, action="project create", reference="project:fresh")
    [given] = rows(served, action="grant add", reference="user:ann owner fresh/*")
    assert made["actor"] == given["actor"] == "user:ann"


@pytest.mark.parametrize(
    ("method", "target", "action"),
    [
        ("GET", "/v2/secret/app/manifests/1", "pull"),
        ("POST", "/v2/secret/app/blobs/uploads/", "push"),
        ("DELETE", "/v2/secret/app/manifests/1", "delete"),
    ],
)
def test_denials(served: Served, bob: Credential, method: str, target: str, action: str) -> None:
    with client(served, bob) as refused:
        assert refused.request(method, target).status_code == 403
    [row] = await_rows(served, 1, actor="user:bob", action=action, result="denied")
    assert row["repository"] == "secret/app"
    assert f"no grant lets user:bob {action} on secret/app" in json.loads(row["detail"])["why"]


def test_what_a_token_was_asked_for_and_may_not_have_is_a_denial(
    served: Served, accounts: Accounts
) -> None:
    eve = accounts.user("eve")
    with client(served, eve) as asking:
        for scope in ("repository:team/app:pull", "repository:team/app:pull,push"):
            asking.get("/token", params={"scope": scope, "service": "entrepot"}).raise_for_status()
    await_rows(served, 2, actor="user:eve", action="pull", result="denied")
    await_rows(served, 1, actor="user:eve", action="push", result="denied")


def test_a_grant_counts_as_used_when_a_token_is_made_by_it(
    served: Served, accounts: Accounts
) -> None:
    eve = accounts.user("dora", "reader:team/*")
    with client(served, eve) as asking:
        asking.get("/token", params={"scope": "repository:team/app:pull"}).raise_for_status()

    def used() -> bool:
        with closing(engine.connect(served.folder)) as db:
            query = "select used_at from permission where subject = 'user:dora'"
            return db.execute(query).fetchone()[0] is not None

    until(used)


def basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


PLANTED = "planted-secret-7b31"
REVOKED = secrets.make(Kind.PERSONAL)
FORGED = f"eyJhbGciOiJub25lIn0.{PLANTED}.x"

Ask = dict[str, Any]
FAILED: dict[str, tuple[Ask, str, str]] = {
    "wrong password": ({"headers": basic("ann", PLANTED)}, "password", "user:ann"),
    "nobody's name": ({"headers": basic("nobody", PLANTED)}, "password", ""),
    "a password in place of the name": ({"headers": basic(PLANTED, "ann")}, "password", ""),
    "a token that never was": ({"headers": basic("ann", REVOKED)}, "password", ""),
    "a token on its own": ({"headers": {"authorization": f"Bearer {REVOKED}"}}, "token", ""),
    "a forged registry token": (
        {"headers": {"authorization": f"Bearer {FORGED}"}},
        "registry token",
        "",
    ),
    "password by form": (
        {
            "method": "POST",
            "url": "/token",
            "data": {"grant_type": "password", "username": "ann", "password": PLANTED},
        },
        "password",
        "user:ann",
    ),
    "refresh token by form": (
        {
            "method": "POST",
            "url": "/token",
            "data": {"grant_type": "refresh_token", "refresh_token": REVOKED},
        },
        "token",
        "",
    ),
    "workload's token by form": (
        {
            "method": "POST",
            "url": "/token",
            "data": {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": FORGED,
            },
        },
        "workload token",
        "",
    ),
}


@pytest.mark.parametrize(("ask", "via", "whom"), FAILED.values(), ids=FAILED)
def test_a_login_that_fails_is_written_down_without_what_was_tried(
    served: Served, ann: Credential, ask: Ask, via: str, whom: str, request: Any
) -> None:
    agent = request.node.name
    with client(served) as trying:
        trying.headers["user-agent"] = agent
        answer = trying.request(**{"method": "GET", "url": "/v2/", **ask})
    assert answer.status_code == 401, answer.text
    [row] = await_rows(served, 1, agent=agent)
    assert (row["actor"], row["via"], row["reference"]) == ("anonymous", via, whom)
    assert (row["action"], row["result"], row["address"]) == ("login", "denied", "127.0.0.1")
    assert json.loads(row["detail"])["why"]
    assert not [secret for secret in (PLANTED, REVOKED) if secret in json.dumps(row)]


def test_no_file_of_the_registry_has_a_secret_that_was_tried(served: Served) -> None:
    """Runs after the above: also in the write-ahead log nothing is left."""
    for path in Path(served.folder).iterdir():
        if path.is_file():
            content = path.read_bytes()
            assert not [each for each in (PLANTED, REVOKED) if each.encode() in content], path


@pytest.mark.parametrize("way", ["Basic", "Bearer", "token endpoint", "refresh token"])
def test_a_login_is_written_down(
    served: Served, accounts: Accounts, ann: Credential, way: str
) -> None:
    token = accounts.token("ann", name=f"for {way}")
    agent = f"login by {way}"
    with httpx.Client(base_url=served.url, headers={"user-agent": agent}) as coming:
        if way == "Basic":
            answer = coming.get("/v2/", auth=token.pair)
        elif way == "Bearer":
            answer = coming.get("/v2/", headers={"authorization": f"Bearer {token.secret}"})
        elif way == "token endpoint":
            answer = coming.get("/token", auth=token.pair)
        else:
            form = {"grant_type": "refresh_token", "refresh_token": token.secret}
            answer = coming.post("/token", data=form)
    assert answer.status_code == 200
    [row] = await_rows(served, 1, agent=agent)
    assert (row["actor"], row["via"]) == ("user:ann", f"token for {way}")
    assert (row["action"], row["result"]) == ("login", "ok")
