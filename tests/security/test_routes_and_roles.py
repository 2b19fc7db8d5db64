"""Every route of the image API against everybody, however they come (CVE-2026-61833, IDOR).

Who may do what is written down here once more, apart from the tables of the code under test.
"""

import itertools
from typing import NamedTuple

import pytest
from tests.content import digest, dump, image
from tests.security.cast import HIDDEN, PRIVATE, PUBLIC, Cast

from entrepot.distribution.api import HANDLERS
from entrepot.distribution.needs import NEEDS
from entrepot.distribution.router import Kind

NOTHING = digest(b"nothing has this digest")
UPLOAD = "0" * 32


class Row(NamedTuple):
    """What a route wants, and a request to it that changes nothing where it is let through."""

    wants: str
    path: str
    content: bytes = b""


ROUTES = {
    (Kind.HOME, "GET"): Row("anyone", "/"),
    (Kind.LIVEZ, "GET"): Row("anyone", "/livez"),
    (Kind.READYZ, "GET"): Row("anyone", "/readyz"),
    (Kind.METRICS, "GET"): Row("anyone", "/metrics"),
    (Kind.KEYS, "GET"): Row("anyone", "/.well-known/jwks.json"),
    (Kind.BASE, "GET"): Row("login", "/v2/"),
    (Kind.CATALOG, "GET"): Row("catalog", "/v2/_catalog"),
    (Kind.TAGS, "GET"): Row("pull", "/v2/{name}/tags/list"),
    (Kind.REFERRERS, "GET"): Row("pull", f"/v2/{{name}}/referrers/{NOTHING}"),
    (Kind.MANIFEST, "GET"): Row("pull", "/v2/{name}/manifests/t"),
    (Kind.MANIFEST, "PUT"): Row("push", "/v2/{name}/manifests/new", b"no manifest"),
    (Kind.MANIFEST, "DELETE"): Row("delete", f"/v2/{{name}}/manifests/{NOTHING}"),
    (Kind.BLOB, "GET"): Row("pull", f"/v2/{{name}}/blobs/{NOTHING}"),
    (Kind.BLOB, "DELETE"): Row("delete", f"/v2/{{name}}/blobs/{NOTHING}"),
    (Kind.UPLOADS, "POST"): Row("push", "/v2/{name}/blobs/uploads/"),
    (Kind.UPLOAD, "GET"): Row("push", f"/v2/{{name}}/blobs/uploads/{UPLOAD}"),
    (Kind.UPLOAD, "PATCH"): Row("push", f"/v2/{{name}}/blobs/uploads/{UPLOAD}", b"more"),
    (Kind.UPLOAD, "PUT"): Row("push", f"/v2/{{name}}/blobs/uploads/{UPLOAD}?digest={NOTHING}"),
    (Kind.UPLOAD, "DELETE"): Row("push", f"/v2/{{name}}/blobs/uploads/{UPLOAD}"),
}

ELSEWHERE = {(Kind.TOKEN, "GET"), (Kind.TOKEN, "POST")}
"""The token endpoint hands out less instead of refusing: test_scope.py."""

Words = frozenset[str]
NONE: Words = frozenset()
PULL = frozenset({"pull"})
PUSH = PULL | {"push"}
ALL = PUSH | {"delete"}


class May(NamedTuple):
    """What someone may, by the kind of project."""

    private: Words = NONE
    public: Words = PULL
    nowhere: Words = NONE


MAY = {
    "anonymous": May(),
    "nobody": May(),
    "reader": May(PULL),
    "writer": May(PUSH),
    "maintainer": May(ALL),
    "owner": May(ALL),
    "stranger": May(),
    "creator": May(nowhere=ALL),
    "auditor": May(),
    "reporter": May(),
    "admin": May(ALL, ALL, ALL),
    "robot": May(PUSH),
    "limited": May(PULL),
}

WAYS = [(who, way) for who in MAY for way in ("basic", "bearer", "jwt")]
WAYS.remove(("anonymous", "bearer"))

_fresh = itertools.count(1)


def nowhere() -> str:
    """A repository in a project that is not there: by a push it may come to be."""
    return f"nowhere-{next(_fresh)}/app"


def requests() -> list[tuple[str, Row]]:
    """Method and row of each request; HEAD is held to what GET is held to."""
    found = []
    for (_, method), row in ROUTES.items():
        found += [(each, row) for each in (("GET", "HEAD") if method == "GET" else (method,))]
    return found


def test_every_route_has_its_need_and_its_row() -> None:
    named = {(kind, method) for kind, methods in NEEDS.items() for method in methods}
    served = {(kind, method) for kind, methods in HANDLERS.items() for method in methods}
    assert named == served
    assert named == set(ROUTES) | ELSEWHERE, "a route is new or gone: say here what it wants"
    assert set(Kind) - set(NEEDS) == {Kind.NOWHERE}


def expected(who: str, way: str, wants: str, may: Words) -> int:
    """401 or 403 for who is kept out, 0 for who is let in."""
    known = who != "anonymous"
    if wants == "anyone" or wants in may or (wants == "login" and known):
        return 0
    if wants == "catalog":
        return 0 if known and way != "jwt" else 401  # the token was not asked for it
    return 403 if known and way != "jwt" else 401


@pytest.mark.parametrize(("who", "way"), WAYS, ids=[f"{who}-{way}" for who, way in WAYS])
def test_every_route(cast: Cast, who: str, way: str) -> None:
    asked = [
        (method, row, name, may)
        for method, row in requests()
        for name, may in zip((PRIVATE, PUBLIC, nowhere()), MAY[who], strict=True)
    ]
    names = sorted({name for _, _, name, _ in asked})
    scopes = tuple(f"repository:{name}:pull,push,delete" for name in names)
    authorization = cast.authorization(who, way, scopes)
    for method, row, name, may in asked:
        answer = cast.ask(method, row.path.format(name=name), authorization, row.content)
        told = f"{method} {row.path.format(name=name)}: {answer.status_code} {answer.text[:300]}"
        wanted = expected(who, way, row.wants, may)
        assert answer.status_code < 500, told
        assert (answer.status_code if answer.status_code in (401, 403) else 0) == wanted, told
        assert ("www-authenticate" in answer.headers) == (wanted == 401), told


CARRIED = [("pull", PULL), ("push", PUSH - PULL), ("delete", ALL - PUSH), ("pull,push", PUSH)]


@pytest.mark.parametrize(("asked", "carried"), CARRIED, ids=[asked for asked, _ in CARRIED])
@pytest.mark.parametrize("who", ["owner", "admin"])
def test_cve_2026_61833_a_token_does_what_it_was_asked_for(
    cast: Cast, who: str, asked: str, carried: Words
) -> None:
    """A push scope deletes nothing, a pull scope pushes nothing; not in other repositories."""
    shown = cast.authorization(who, "jwt", (f"repository:{PRIVATE}:{asked}",))
    for method, row in requests():
        if row.wants not in ALL:
            continue
        status = cast.ask(method, row.path.format(name=PRIVATE), shown, row.content).status_code
        assert (status != 401) == (row.wants in carried), (method, row.path)
        for name in (f"{PRIVATE}/below", "team", "team/app2", HIDDEN):
            path = row.path.format(name=name)
            assert cast.ask(method, path, shown, row.content).status_code == 401, (method, path)


MOVERS = {"writer": 403, "robot": 403, "maintainer": 201, "owner": 201, "admin": 201}


@pytest.mark.parametrize("way", ["basic", "bearer", "jwt"])
@pytest.mark.parametrize(("who", "status"), MOVERS.items(), ids=MOVERS)
def test_moving_a_tag(cast: Cast, who: str, status: int, way: str) -> None:
    """A writer adds tags, and points none to another image."""
    tag = f"moved-{next(_fresh)}"
    shown = cast.authorization(who, way, (f"repository:{PRIVATE}:pull,push",))
    first, second = (
        dump(image(PRIVATE.encode(), annotations={"made": f"{tag} {number}"})) for number in (1, 2)
    )
    path = f"/v2/{PRIVATE}/manifests/{tag}"
    owner = cast.authorization("owner")
    kind = {"content-type": "application/vnd.oci.image.manifest.v1+json"}

    def put(content: bytes, authorization: str) -> int:
        given = {**kind, "authorization": authorization}
        return cast.client.put(path, content=content, headers=given).status_code

    assert put(first, shown) == 201
    assert put(first, shown) == 201  # the same again moves nothing
    assert put(second, shown) == status
    now = cast.ask("HEAD", path, owner).headers["docker-content-digest"]
    assert now == digest(second if status == 201 else first)


@pytest.mark.parametrize("who", ["creator", "admin"])
@pytest.mark.parametrize("way", ["basic", "jwt"])
def test_only_a_push_makes_a_project(cast: Cast, who: str, way: str) -> None:
    """Not a typing error in a DELETE, nor an upload that nobody began."""
    admin = cast.authorization("admin")
    for (kind, method), row in ROUTES.items():
        if row.wants not in ALL:
            continue
        name = nowhere()
        shown = cast.authorization(who, way, (f"repository:{name}:pull,push,delete",))
        cast.ask(method, row.path.format(name=name), shown, row.content)
        project = cast.ask("GET", f"/api/v1/projects/{name.partition('/')[0]}", admin)
        begins = (kind, method) in {(Kind.UPLOADS, "POST"), (Kind.MANIFEST, "PUT")}
        assert project.status_code == (200 if begins else 404), (kind, method)
