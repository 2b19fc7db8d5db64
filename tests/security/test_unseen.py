"""Who may not see a repository cannot tell it from one that does not exist (CVE-2019-19030).

Each case asks the same of what is hidden and of what is not there, and compares all of the answers;
names of equal length stand for each other.
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.accounts import ADMIN, Accounts, first_start
from tests.content import begin, digest, put_image
from tests.security.cast import PASSWORD, Cast, basic
from tests.security.test_routes_and_roles import ROUTES

from entrepot.app.furnished import furnish
from entrepot.auth.passwords import Passwords
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.engine import SQLite
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.distribution.api import Api
from entrepot.distribution.registry import Registry
from entrepot.encryption.keys import NO_KEYS
from entrepot.settings import Settings

OUTSIDERS = ["anonymous", "nobody", "stranger", "auditor"]
WAYS = ["basic", "bearer", "jwt"]
COMING = [(who, way) for who in OUTSIDERS for way in WAYS if (who, way) != ("anonymous", "bearer")]

PAIRS = [("team/app", "teem/app"), ("team/app", "team/abc"), ("team", "teem")]
"""A hidden repository, and one that is not there: in no project, in the hidden one."""

_own = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]+-[0-9a-f]+")
"""Ids of uploads and of requests."""


def told(answer: httpx.Response, name: str) -> tuple[object, ...]:
    """All that an answer says, but for the name that was asked for and what is always new."""

    def blind(text: str) -> str:
        text = text.replace(name, "NAME").replace(name.partition("/")[0] + "/", "PROJECT/")
        return _own.sub("ID", text)

    headers = {key: blind(text) for key, text in answer.headers.items() if key != "date"}
    return answer.status_code, headers, blind(answer.text)


@pytest.fixture(scope="module", autouse=True)
def hidden(cast: Cast) -> None:
    """More that may not be seen: tags, referrers, a repository called as its project."""
    with httpx.Client(base_url=cast.served.url, auth=ADMIN.pair, timeout=30) as admin:
        for name in ("team/app", "team"):
            put_image(admin, name, "t", b"layer")


@pytest.mark.parametrize(("there", "not_there"), PAIRS, ids=map(" ".join, PAIRS))
@pytest.mark.parametrize(("who", "way"), COMING, ids=map("-".join, COMING))
def test_every_route(cast: Cast, who: str, way: str, there: str, not_there: str) -> None:
    with httpx.Client(base_url=cast.served.url, auth=ADMIN.pair, timeout=30) as admin:
        location = begin(admin, there)
        found = admin.head(f"/v2/{there}/manifests/t").headers["docker-content-digest"]
    upload, blob = location.rpartition("/")[2], digest(b"layer")
    requests = [(method, row.path, row.content) for (_, method), row in ROUTES.items()]
    requests += [(method, f"/v2/{{name}}/manifests/{found}", b"") for method in ("GET", "DELETE")]
    requests += [(method, f"/v2/{{name}}/blobs/{blob}", b"") for method in ("GET", "HEAD")]
    requests += [
        ("HEAD", "/v2/{name}/manifests/t", b""),
        ("GET", f"/v2/{{name}}/referrers/{found}?artifactType=a", b""),
        ("GET", "/v2/{name}/tags/list?n=1&last=a", b""),
        ("POST", f"/v2/{{name}}/blobs/uploads/?mount={blob}", b""),
        ("POST", f"/v2/{{name}}/blobs/uploads/?digest={blob}", b"layer"),
    ]
    requests += [
        (method, f"/v2/{{name}}/blobs/uploads/{upload}?digest={blob}", b"")
        for method in ("GET", "PATCH", "PUT", "DELETE")
    ]
    shown = {
        name: cast.authorization(who, way, (f"repository:{name}:pull,push,delete",))
        for name in (there, not_there)
    }
    for method, path, content in requests:
        if path.startswith("/metrics") or "{name}" not in path:
            continue
        one, other = (
            told(cast.ask(method, path.format(name=name), shown[name], content), name)
            for name in (there, not_there)
        )
        assert one == other, (method, path)
        assert one[0] in (401, 403), (method, path)


@pytest.mark.parametrize("who", OUTSIDERS)
@pytest.mark.parametrize(("there", "not_there"), PAIRS, ids=map(" ".join, PAIRS))
def test_the_token_endpoint(cast: Cast, who: str, there: str, not_there: str) -> None:
    """It answers for both, and its token says nothing of either."""

    def ask(name: str) -> tuple[object, ...]:
        given = {"authorization": cast.authorization(who)} if who != "anonymous" else {}
        scope = f"repository:{name}:pull,push,delete,*"
        answer = cast.client.get("/token", params={"scope": scope}, headers=given)
        document = answer.json()
        body = document["token"].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(f"{body}=="))
        assert claims["access"] == []
        times = ("token", "access_token", "issued_at")
        return answer.status_code, sorted(document), {**document, **dict.fromkeys(times)}

    assert ask(there) == ask(not_there)


def visible(cast: Cast, who: str, path: str, key: str, **more: str) -> tuple[list[str], str]:
    """Names in all pages of a list, and all that the pages said."""
    way = "jwt" if who == "anonymous" else "basic"
    given = {"authorization": cast.authorization(who, way, ("registry:catalog:*",))}
    names, said = [], ""
    while path:
        answer = cast.client.get(path, params=more or None, headers=given)
        assert answer.status_code == 200, answer.text
        said += answer.text + str(answer.headers)
        names += answer.json()[key]
        path, more = answer.links.get("next", {}).get("url", ""), {}
    return names, said


@pytest.mark.parametrize("last", ["", "a", "open/zzz", "other/a", "team", "team/a", "team/zzz"])
@pytest.mark.parametrize("size", ["1", "2", "1000"])
@pytest.mark.parametrize("who", ["anonymous", "nobody"])
def test_the_catalog(cast: Cast, who: str, size: str, last: str) -> None:
    """Neither its pages nor the links between them, nor where it is asked to go on."""
    names, said = visible(cast, who, "/v2/_catalog", "repositories", n=size, last=last)
    assert names == (["open/app"] if last < "open/app" else [])
    assert "team" not in said.replace("last=team", "")
    assert "secret" not in said


def test_the_catalog_of_members(cast: Cast) -> None:
    for who, names in (
        ("reader", ["open/app", "team", "team/app"]),
        ("stranger", ["open/app", "other/secret"]),
        ("limited", ["open/app", "team", "team/app"]),
    ):
        assert visible(cast, who, "/v2/_catalog", "repositories", n="1")[0] == names


@pytest.mark.parametrize("source", ["team/app", "teem/app", "team/abc", ""])
def test_cve_2026_117685_a_mount(cast: Cast, source: str) -> None:
    """What is mounted from where one may not pull is uploaded, as what is nowhere."""
    path = f"/v2/other/app/blobs/uploads/?from={source}&mount=" if source else None
    path = path or "/v2/other/app/blobs/uploads/?mount="
    shown = cast.authorization("stranger")
    answers = [
        told(cast.ask("POST", path + each, shown), source or "other/app")
        for each in (digest(b"team/app"), digest(b"nowhere at all"))
    ]
    assert answers[0][0] == 202
    assert answers[0] == answers[1]


POLICIES: dict[str, dict[str, object]] = {
    "none": {},
    "read only": {"read_only": True},
    "networks": {"networks": ["10.0.0.0/8"]},
    "certificate": {"require_certificate": True},
}

ADMIN_REQUESTS = [
    ("GET", "/projects/{}", ""),
    ("PATCH", "/projects/{}", '{"description": "x"}'),
    ("PATCH", "/projects/{}", '{"read_only": true}'),
    ("DELETE", "/projects/{}", ""),
    ("GET", "/projects/{}/repositories", ""),
    ("GET", "/projects/{}/repositories?after={}/a&limit=1", ""),
    ("GET", "/projects?after={}&limit=1", ""),
    ("GET", "/grants?project={}", ""),
    ("POST", "/grants", '{"subject": "user:nobody", "role": "reader", "pattern": "{}/*"}'),
    ("GET", "/can?actor=user:nobody&action=pull&repository={}/app", ""),
    ("GET", "/can?actor=user:nobody&action=push&repository={}/app", ""),
    ("GET", "/can?actor=user:nobody&action=push&repository={}/app&address=192.0.2.1", ""),
    ("GET", "/can?actor=anonymous&action=pull&repository={}/app", ""),
]


@pytest.mark.parametrize(
    ("method", "path", "body"), ADMIN_REQUESTS, ids=[f"{m} {p} {b}" for m, p, b in ADMIN_REQUESTS]
)
@pytest.mark.parametrize("policy", POLICIES)
def test_the_admin_api(cast: Cast, policy: str, method: str, path: str, body: str) -> None:
    """Its policies do not betray a project either."""
    with httpx.Client(base_url=cast.served.url, auth=ADMIN.pair, timeout=30) as admin:
        answer = admin.patch("/api/v1/projects/team", json=POLICIES[policy])
        assert answer.status_code == 200, answer.text
        try:
            shown = cast.authorization("nobody")
            one, other = (
                told(
                    cast.ask(
                        method,
                        "/api/v1" + path.replace("{}", name),
                        shown,
                        body.replace("{}", name).encode(),
                    ),
                    name,
                )
                for name in ("team", "teem")
            )
        finally:
            free = {"read_only": False, "networks": [], "require_certificate": False}
            assert admin.patch("/api/v1/projects/team", json=free).status_code == 200
    assert one == other


@pytest.mark.parametrize("policy", [{"networks": ["10.0.0.0/8"]}, {"read_only": True}], ids=str)
def test_policies_do_not_betray_a_project(cast: Cast, policy: dict[str, object]) -> None:
    with httpx.Client(base_url=cast.served.url, auth=ADMIN.pair, timeout=30) as admin:
        assert admin.patch("/api/v1/projects/team", json=policy).status_code == 200
        try:
            for who, way in COMING:
                for method, path in (("GET", "manifests/t"), ("POST", "blobs/uploads/")):
                    one, other = (
                        told(
                            cast.ask(
                                method,
                                f"/v2/{name}/{path}",
                                cast.authorization(who, way, (f"repository:{name}:pull,push",)),
                            ),
                            name,
                        )
                        for name in ("team/app", "teem/app")
                    )
                    assert one == other, (who, way, method)
        finally:
            free = {"read_only": False, "networks": []}
            assert admin.patch("/api/v1/projects/team", json=free).status_code == 200


def test_users_are_not_told_apart(cast: Cast) -> None:
    """By who may not see them: the same answer, be they there or not."""
    shown = cast.authorization("nobody")
    for method, body in (("GET", ""), ("PATCH", "{}"), ("DELETE", "")):
        one, other = (
            told(cast.ask(method, f"/api/v1/users/{name}", shown, body.encode()), name)
            for name in ("reader", "raeder")
        )
        assert one == other
        assert one[0] == 403


# What it takes to say no


class Counted(Passwords):
    """Counts what it is asked to compare."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bool] = []

    async def verify(self, kept: str | None, password: str) -> bool:
        self.asked.append(kept is not None)
        return await super().verify(kept, password)


@asynccontextmanager
async def inside(folder: Path) -> AsyncIterator[tuple[Registry, httpx.AsyncClient]]:
    """The API in this very loop, so that a test can count what it does."""
    first_start(folder)
    settings = Settings(data=folder, access_log=False, upkeep_pause=3600)
    serves = asyncio.Event()
    serves.set()
    async with furnish(settings, None, NO_KEYS, serves) as registry:
        while not await registry.database.read(rested):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        transport = httpx.ASGITransport(Api(registry))
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            yield registry, client


def rested(db: Connection) -> bool:
    """Whether each job has run once: what they ask is counted for nobody."""
    ran, every = db.execute("select count(ended_at), count(*) from job").fetchone()
    return bool(ran == every > 0)


def reader_of(database: Database) -> SQLite:
    assert isinstance(database, SQLiteDatabase)
    return database.reader


@contextmanager
def traced(db: SQLite) -> Iterator[list[str]]:
    """The statements that are run meanwhile; log and jobs are looked at when the clock says so."""
    found: list[str] = []
    db.set_trace_callback(found.append)
    yield found
    db.set_trace_callback(None)
    found[:] = [text for text in found if not re.search(" from (change|job|marker) ", text)]


def alter(db: SQLite, name: str, change: str) -> None:
    db.execute(f"update account set {change} where name = ?", (name,))


async def test_a_wrong_name_costs_what_a_wrong_password_costs(tmp_path: Path) -> None:
    async with inside(tmp_path) as (registry, client):
        people = Accounts(tmp_path)
        for name in ("alice", "disabled", "sso"):
            people.user(name, "reader:team/*", password=PASSWORD)
        db = registry.database
        for name, change in (("disabled", "disabled = 1"), ("sso", "password = null")):
            await db.write(partial(alter, name=name, change=change))
        counted = registry.guard.login.passwords = Counted()
        answers = []
        for name in ("alice", "disabled", "sso", "unknown", "robot:ci", ""):
            for attempt in (
                client.get("/v2/", auth=(name, "wrong " + PASSWORD)),
                client.post(
                    "/token",
                    data={"grant_type": "password", "username": name, "password": "wrong"},
                ),
            ):
                with traced(reader_of(db)) as statements:
                    answer = await attempt
                answers.append((answer.status_code, answer.text, len(statements)))
        assert len(counted.asked) == len(answers) == 12
        assert counted.asked[:3] == [True, True, False]
        assert {each[:2] for each in answers} == {answers[0][:2]}
        assert {each[2] for each in answers[2:]} == {answers[2][2]}


@pytest.mark.parametrize("way", ["basic", "jwt", "anonymous"])
async def test_hidden_costs_what_unknown_costs(tmp_path: Path, way: str) -> None:
    async with inside(tmp_path) as (registry, client):
        people = Accounts(tmp_path)
        people.project("team")
        nobody = people.user("nobody", password=PASSWORD)
        client.headers["authorization"] = basic(ADMIN)
        pushed = await client.post(
            f"/v2/team/app/blobs/uploads/?digest={digest(b'x')}", content=b"x"
        )
        assert pushed.status_code == 201
        client.headers["authorization"] = basic(nobody)
        if way == "jwt":
            answer = await client.get("/token")
            client.headers["authorization"] = f"Bearer {answer.json()['token']}"
        if way == "anonymous":
            del client.headers["authorization"]
        await client.get("/v2/warm/up/tags/list")

        async def cost(name: str) -> list[str]:
            people.group(name.replace("/", "-"))  # whatever was at hand is forgotten
            with traced(reader_of(registry.database)) as statements:
                for path in (f"blobs/{digest(b'x')}", "tags/list", "manifests/t"):
                    answer = await client.get(f"/v2/{name}/{path}")
                    assert answer.status_code in (401, 403)
            project = name.partition("/")[0]
            return [re.sub(r"\d+", "N", text.replace(project, "PROJECT")) for text in statements]

        assert await cost("team/app") == await cost("teem/app")
