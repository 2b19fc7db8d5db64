"""A registry with accounts that the tests of the admin API share, each with names of its own."""

import itertools
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from tests.accounts import ADMIN, Accounts, first_start
from tests.served import Served, serving

_numbers = itertools.count(1)


def fresh(prefix: str) -> str:
    """A name that no other test of this process has."""
    return f"{prefix}{next(_numbers)}"


@dataclass(frozen=True)
class At:
    """The admin API, as someone."""

    client: httpx.Client
    authorization: str = ""

    def request(self, method: str, path: str, **given: Any) -> httpx.Response:
        own = {"authorization": self.authorization} if self.authorization else {}
        given["headers"] = {**own, **(given.get("headers") or {})}
        return self.client.request(method, f"/api/v1{path}", **given)

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        return self.request("GET", path, params=parameters or None)

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.request("POST", path, json=body)

    def put(self, path: str, body: Any = None) -> httpx.Response:
        return self.request("PUT", path, json=body)

    def patch(self, path: str, body: Any, tag: str = "") -> httpx.Response:
        return self.request("PATCH", path, json=body, headers=_matching(tag))

    def delete(self, path: str, tag: str = "") -> httpx.Response:
        return self.request("DELETE", path, headers=_matching(tag))

    def pages(self, path: str, limit: int, **parameters: Any) -> list[Any]:
        """All entries of a list, page after page."""
        found, after = list[Any](), parameters.pop("after", "")
        while after is not None:
            asked = {"after": after} if after else {}
            page = self.get(path, limit=limit, **asked, **parameters).json()
            assert len(page["items"]) <= limit
            found += page["items"]
            after = page["next"]
        return found


def _matching(tag: str) -> dict[str, str]:
    return {"if-match": tag} if tag else {}


@dataclass(frozen=True)
class Person:
    """A user with a token, who comes by it."""

    name: str
    token: str
    at: At

    @property
    def subject(self) -> str:
        return f"user:{self.name}"


class Office:
    """The registry, and whoever comes to it."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.accounts = Accounts(served.folder)

    @cached_property
    def admin(self) -> Person:
        return self._person("admin")

    def person(self, *granted: str, name: str = "") -> Person:
        """A user without a password, with grants written `owner:team/*`."""
        name = name or fresh("user")
        self.admin.at.post("/users", {"name": name}).raise_for_status()
        self.accounts.grant(f"user:{name}", *granted)
        return self._person(name)

    def _person(self, name: str) -> Person:
        token = self.accounts.token(name).secret
        return Person(name, token, self.bearing(token))

    def bearing(self, token: str) -> At:
        """By a token; by none where that is ""."""
        return At(self.served.client, f"Bearer {token}" if token else "")

    def basic(self, name: str, password: str) -> At:
        """By a name and a password."""
        pair = b64encode(f"{name}:{password}".encode()).decode()
        return At(self.served.client, f"Basic {pair}")

    def lets_in(self, secret: str, name: str = "anyone") -> bool:
        """Whether docker could log in by it."""
        status = self.served.client.get("/v2/", auth=(name, secret)).status_code
        assert status in (200, 401)
        return status == 200


@contextmanager
def opened(folder: Path, **settings: Any) -> Iterator[Office]:
    first_start(folder)
    with serving(folder, "own", dangerously_without_accounts=False, **settings) as served:
        yield Office(served)


def problem(answer: httpx.Response, status: int) -> str:
    """What an answer tells of what went wrong, after a look at its shape (RFC 9457)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert {"type", "title", "status", "detail"} <= set(document)
    assert document["status"] == status
    return str(document["detail"])


def made(answer: httpx.Response) -> Any:
    """What was made."""
    assert answer.status_code == 201, answer.text
    return answer.json()


def at_once(*requests: Any) -> list[httpx.Response]:
    """The answers to requests that are all under way together."""
    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(lambda request: request(), requests))


PASSWORD = ADMIN.secret
