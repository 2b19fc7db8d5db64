"""Problems: whatever is wrong with a request, the answer is problem+json and says what to do."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.admin.office import At, Office, fresh, problem
from tests.served import serving

NESTED = b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"

BODIES: dict[str, bytes] = {
    "empty": b"",
    "null": b"null",
    "a list": b"[]",
    "a text": b'"alice"',
    "a number": b"1",
    "cut": b'{"name": "al',
    "two": b'{"name": "a"}{"name": "b"}',
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a NUL": b'{"name": "a\\u0000b"}',
    "NaN": b'{"name": NaN}',
    "a huge number": b'{"name": 1e999999}',
    "many digits": b'{"name": ' + b"9" * 10_000 + b"}",
    "deeply nested": NESTED,
    "a form": b"name=alice&password=correct+horse",
}


@pytest.mark.parametrize("path", ["/users", "/robots", "/tokens", "/projects", "/grants"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_bodies_that_are_none(office: Office, path: str, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = office.admin.at.request("POST", path, content=body, headers=headers)
    assert answer.status_code in (400, 422), answer.text
    problem(answer, answer.status_code)


def test_the_last_of_two_equal_names_counts_and_is_checked(office: Office) -> None:
    headers = {"content-type": "application/json"}
    body = b'{"name": "fine", "name": "Not Fine"}'
    problem(office.admin.at.request("POST", "/users", content=body, headers=headers), 422)


@pytest.mark.parametrize("path", ["/users", "/robots", "/tokens", "/session"])
def test_a_body_over_a_mebibyte_is_not_taken(office: Office, path: str) -> None:
    body = json.dumps({"name": "a", "description": "x" * 1024 * 1024}).encode()
    headers = {"content-type": "application/json"}
    at = office.basic("admin", "correct horse battery") if path == "/session" else office.admin.at
    told = problem(at.request("POST", path, content=body, headers=headers), 413)
    assert told == "at most 1048576 bytes are taken here"


def test_a_body_of_a_mebibyte_is_taken(office: Office) -> None:
    body = json.dumps({"name": fresh("user")}).encode().ljust(1024 * 1024)
    headers = {"content-type": "application/json"}
    assert office.admin.at.request("POST", "/users", content=body, headers=headers).is_success


def test_a_body_in_chunks_is_counted_too(office: Office) -> None:
    def chunks() -> object:
        yield b'{"name": "'
        for _ in range(20):
            yield b"x" * 100_000

    headers = {"content-type": "application/json"}
    answer = office.admin.at.request("POST", "/users", content=chunks(), headers=headers)
    problem(answer, 413)


def test_values_are_not_told_back(office: Office) -> None:
    secret = "hunter2" * 200
    answer = office.admin.at.post("/users", {"name": "alice", "password": secret})
    assert problem(answer, 422) == "body.password: a password has 8 to 1024 characters"
    assert secret not in answer.text
    assert answer.json()["errors"] == [
        {"where": "body.password", "what": "a password has 8 to 1024 characters"}
    ]


WAYS = {
    "nothing": ("", 401),
    "a token that was never one": ("Bearer entrepot_pat_" + "a" * 49, 401),
    "nonsense": ("Bearer nonsense", 401),
    "a scheme that nobody knows": ("Digest a=b", 401),
    "half a Basic": ("Basic Zm9v", 401),
    "no Basic at all": ("Basic %%%", 401),
}


@pytest.mark.parametrize(("shown", "status"), WAYS.values(), ids=WAYS)
def test_whoever_is_not_let_in_learns_where_to_log_in(
    office: Office, shown: str, status: int
) -> None:
    answer = At(office.served.client, shown).get("/users")
    problem(answer, status)
    assert answer.headers["www-authenticate"].startswith("Bearer realm=")


PLACES = {
    "no route": ("GET", "/nowhere", 404),
    "the root": ("GET", "/", 404),
    "a slash too many": ("GET", "/users/", 404),
    "a method that is for none": ("OPTIONS", "/users", 405),
    "a method that is not for it": ("PUT", "/users", 405),
    "a path that climbs": ("GET", "/users/..%2f..%2fkeys", 404),
}


@pytest.mark.parametrize(("method", "path", "status"), PLACES.values(), ids=PLACES)
def test_places_that_are_none(office: Office, method: str, path: str, status: int) -> None:
    problem(office.admin.at.request(method, path), status)


QUERIES = [
    "/users?limit=0",
    "/users?limit=-1",
    "/users?limit=1001",
    "/users?limit=many",
    f"/users?limit={10**30}",
    "/users?after=" + "x" * 300,
    "/grants?after=-1",
    f"/grants?after={10**30}",
    "/tokens?after=x",
    "/can",
    "/can?actor=user:admin&action=fly&repository=team/app",
    "/can?actor=user:admin&action=pull&repository=Team",
    "/can?actor=nobody&action=pull&repository=team/app",
    "/can?actor=user:admin&action=administer&repository=team/app",
]


@pytest.mark.parametrize("path", QUERIES)
def test_queries_that_are_none(office: Office, path: str) -> None:
    problem(office.admin.at.get(path), 422)


def test_text_in_a_query_is_text(office: Office) -> None:
    """No wildcard, no SQL (CVE-2026-110697)."""
    for after in ("%", "_", "' or 1=1 --", "\x00", "é", "\U0010ffff"):
        answer = office.admin.at.get("/users", after=after)
        assert answer.status_code == 200
    for name in ("%", "_dmin", "admin' --", "ad%min"):
        problem(office.admin.at.get(f"/users/{quote(name)}"), 404)
    assert office.admin.at.get("/grants", subject="user:%").json()["items"] == []


def test_answers_are_kept_by_nobody_and_name_their_request(office: Office) -> None:
    for answer in (
        office.admin.at.get("/users"),
        office.admin.at.get("/nowhere"),
        office.bearing("").get("/users"),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]
    given = office.admin.at.request("GET", "/users", headers={"x-request-id": "mine-7"})
    assert given.headers["x-request-id"] == "mine-7"


def test_where_there_are_no_accounts_nobody_administers(tmp_path: Path) -> None:
    with serving(tmp_path / "data", "own") as served:
        told = problem(At(served.client).get("/users"), 403)
    assert told == "this registry runs without accounts: there is nobody to administer"
