"""The admin API does what its OpenAPI document says, whatever comes: no 500, no other answer.

schemathesis makes requests that fit the document and some that do not, as each of several people.
`ENTREPOT_SCHEMA_SEED` repeats a run, `ENTREPOT_SCHEMA_EXAMPLES` makes a longer one.
"""

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok
from tests.security.cast import Cast
from tests.security.test_admin_routes_and_roles import ROUTES, Row

from entrepot.admin.caller import PREFIX

SEED = int(os.environ.pop("ENTREPOT_SCHEMA_SEED", str(random.getrandbits(32))))
EXAMPLES = int(os.environ.pop("ENTREPOT_SCHEMA_EXAMPLES", "6"))
"""Requests of each kind to each operation, each of them by each of the people."""

WHO = ["anonymous", "nobody", "owner", "auditor", "admin"]

KNOWN: dict[str, list[str]] = {
    "name": ["bystander", "reader", "ci", "admin", "a"],
    "user": ["bystander", "reader"],
    "project": ["team", "other", "open", "nowhere"],
    "cluster": ["test", "prod"],
    "number": ["1", "2", "12", "999"],
    "webhook": ["0000000a", "0000000b", "0000000c", "00000000"],
}
"""What is there, or might be: random names would find nothing."""


@pytest.fixture(scope="module")
def document(cast: Cast) -> Any:
    return cast.client.get(f"{PREFIX}/openapi.json").json()


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def checks() -> list[Any]:
    load_all_checks()
    return CHECKS.get_by_names(
        [
            "not_a_server_error",
            "status_code_conformance",
            "content_type_conformance",
            "response_headers_conformance",
            "response_schema_conformance",
        ]
    )


def cases(operation: Any) -> st.SearchStrategy[Case[Any]]:
    """Requests to an operation, half of them to what is there."""
    made = operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(
        GenerationMode.NEGATIVE
    )

    def aim(case: Case[Any], choice: int | None) -> Case[Any]:
        if choice is not None and isinstance(case.path_parameters, dict):
            for key in case.path_parameters:
                known = KNOWN[key]
                case.path_parameters[key] = known[choice % len(known)]
        if isinstance(case.query, dict) and isinstance(case.query.get("wait"), int | float):
            case.query["wait"] /= 1000  # what is waited for does not come
        return case

    return st.builds(aim, made, st.none() | st.integers(0, 10))


@pytest.mark.timeout(600)
def test_nothing_outside_the_document(cast: Cast, document: Any, session: requests.Session) -> None:
    """Each request comes from everyone: to make it up takes longer than to answer it."""
    print(f"ENTREPOT_SCHEMA_SEED={SEED}")
    schema = schemathesis.openapi.from_dict(document)
    people = {who: {"authorization": cast.authorization(who)} for who in WHO}
    people["anonymous"] = {}
    held = checks()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result.err()
        operation = result.ok()

        @seed(SEED)
        @settings(
            max_examples=EXAMPLES,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=cases(operation))
        def attack(case: Case[Any]) -> None:
            for who, headers in people.items():
                note(f"as {who}")
                answer = case.call(cast.served.url, session, headers, timeout=30)
                case.validate_response(answer, checks=held)

        attack()


# By hand: what a generator rarely hits on

NASTY: list[Any] = [
    "\x00",
    "a\x00b",
    "\ud800" * 12,
    "\U0010ffff",
    "é" * 300,
    "x" * 100_000,
    "' or 1=1 --",
    "%00",
    "..",
    "a/b",
    "user:",
    "user:\x00",
    "user:" + "x" * 1000,
    "*",
    "*/*",
    "(" * 500,
    2**63,
    -(2**63) - 1,
    10**400,
    1e308,
    -1,
    0,
    True,
    None,
    [],
    {},
    ["\x00"],
    [[[[[]]]]],
    {"a": {"b": None}},
]


def properties(document: Any, method: str, path: str) -> list[str]:
    """The keys that a route's body may have."""
    operation = document["paths"][f"{PREFIX}{path}"][method.lower()]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema["properties"])


def spoil(document: Any, keys: list[str]) -> Iterator[Any]:
    """Documents in which one value, or one key, is another."""
    for key in keys:
        for value in NASTY:
            spoilt = copy.deepcopy(document)
            spoilt[key] = value
            yield spoilt
    yield from ({**document, "\ud800": 1}, {**document, "x" * 10_000: 1}, [document], "x", 1, None)


BODIES = [
    (method, path, row)
    for (method, path), rows in ROUTES.items()
    for row in rows
    if isinstance(row.body, dict) and row.body
]


def told(answer: Any) -> str:
    return f"{answer.status_code} {answer.text[:300]}"


@pytest.mark.parametrize(
    ("method", "path", "row"), BODIES, ids=[f"{m} {r.path} {r.body}"[:60] for m, _, r in BODIES]
)
@pytest.mark.parametrize("who", ["nobody", "admin"])
def test_bodies(cast: Cast, document: Any, who: str, method: str, path: str, row: Row) -> None:
    """What reads a body is the same for all; behind it, who may nothing gets no further."""
    shown, keys = cast.authorization(who), properties(document, method, path)
    for body in spoil(row.body, keys if who == "admin" else keys[:1]):
        content = json.dumps(body).encode()
        answer = cast.ask(method, f"{PREFIX}{row.path}", shown, content)
        assert answer.status_code < 500, (body, told(answer))
        if answer.content:
            answer.json()


RAW = [
    b"",
    b"{",
    b"null",
    b"\xff\xfe",
    b'{"name": NaN}',
    b'{"name": Infinity}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"name": ' + b"[" * 3000 + b"]" * 3000 + b"}",
    b'{"name": "\\ud800"}',
    b'{"name": 1' + b"0" * 5000 + b"}",
    b"\x00" * 1000,
    b"name=a&password=b",
]


@pytest.mark.parametrize("content", RAW, ids=[repr(raw[:20]) for raw in RAW])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "application/x-www-form"])
def test_bodies_that_are_none(cast: Cast, content: bytes, kind: str) -> None:
    given = {"authorization": cast.authorization("admin"), "content-type": kind}
    for method, _, row in BODIES:
        url = f"{PREFIX}{row.path}"
        answer = cast.client.request(method, url, content=content, headers=given)
        assert answer.status_code in (400, 409, 413, 422), (url, told(answer))
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_is_too_large(cast: Cast) -> None:
    given = {"authorization": cast.authorization("admin"), "content-type": "application/json"}
    content = b'{"name": "' + b"x" * (2 * 1024 * 1024) + b'"}'
    answer = cast.client.post(f"{PREFIX}/groups", content=content, headers=given)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


PLACES = ["\x00", "a\x00b", "é", "a/b", "..", "%", "%2f", " ", "*", "x" * 3000, "-1", str(2**64)]
PATHS = sorted({path for _, path in ROUTES if "{" in path})


@pytest.mark.parametrize("value", PLACES, ids=[repr(place[:20]) for place in PLACES])
@pytest.mark.parametrize("path", PATHS)
def test_paths(cast: Cast, path: str, value: str) -> None:
    shown = cast.authorization("admin")
    for method in ("GET", "PUT", "PATCH", "POST", "DELETE"):
        for written in (quote(value, safe=""), quote(quote(value, safe=""), safe="")):
            filled = path
            for key in KNOWN:
                filled = filled.replace(f"{{{key}}}", written)
            answer = cast.ask(method, f"{PREFIX}{filled}", shown, b"{}")
            assert answer.status_code < 500, (method, filled[:80], told(answer))
            assert answer.headers.get("content-type", "application/problem+json") in (
                "application/problem+json",
                "application/json",
            )


QUERIES = [
    "after=%00", "after=" + "x" * 256, "after=-1", f"after={2**64}", "limit=0", "limit=1e3",
    f"limit={2**64}", "limit=1&limit=2", "user=%00", "subject=%00", "project=%ff", "%00=1",
    "actor=user:%00&action=pull&repository=a", "actor=user:a&action=pull&repository=%00",
    "actor=robot:%ff&action=push&repository=team/app&address=%00",
    "actor=user:reader&action=pull&repository=team/app&address=::ffff:1.2.3.4%25eth0",
    "actor=user:reader&action=pull&repository=team/app&address=" + "9" * 45,
    "url=%00", "name=%00", "&".join(f"a{n}=1" for n in range(500)),
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES, ids=[query[:30] for query in QUERIES])
def test_queries(cast: Cast, query: str) -> None:
    shown = cast.authorization("admin")
    for (method, _), rows in ROUTES.items():
        for row in rows if method == "GET" else ():
            path = row.path.partition("?")[0]
            answer = cast.ask("GET", f"{PREFIX}{path}?{query}", shown)
            assert answer.status_code < 500, (path, told(answer))


HEADERS: dict[str, Callable[[int], str]] = {
    "if-match": lambda size: '"' + "a" * size,
    "content-type": lambda size: "application/json" + "; a=b" * (size // 5),
    "accept": lambda size: "*/*" + ", a/b" * (size // 5),
    "x-request-id": lambda size: "a" * size,
}


@pytest.mark.parametrize("size", [0, 1, 1000, 30_000])
@pytest.mark.parametrize("name", HEADERS)
def test_headers(cast: Cast, name: str, size: int) -> None:
    given = {"authorization": cast.authorization("admin"), name: HEADERS[name](size)}
    answer = cast.client.patch(f"{PREFIX}/projects/open", content=b"{}", headers=given)
    assert answer.status_code in (200, 412, 422, 431), told(answer)
