"""The cast of the attacks: one of each role, on a private project `team` and a public one `open`.

`other/*` is another team's. How each shows who they are is a `Way`; what each may do is said in the
tests' own tables.
"""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from tests.accounts import ADMIN, Accounts, Credential, first_start
from tests.content import put_image
from tests.served import Served, serving

HELD = {
    "nobody": (),
    "reader": ("reader:team/*",),
    "writer": ("writer:team/*",),
    "maintainer": ("maintainer:team/*",),
    "owner": ("owner:team/*",),
    "stranger": ("owner:other/*",),
    "creator": ("creator:*",),
    "auditor": ("auditor:*",),
    "reporter": ("reporter:*",),
    "bystander": (),  # whom others give something, and who never comes
}
"""By user, the grants."""

PASSWORD = "correct horse battery"

HOOKS = {"0000000a": "team/*", "0000000b": "other/*", "0000000c": "*"}
"""Webhooks by id, and whose changes they are told of; they lead where nothing may be sent."""

PRIVATE, PUBLIC, HIDDEN = "team/app", "open/app", "other/secret"
"""Repositories that hold the tag `t`; the trash has a tag of each, in this order."""


def basic(who: Credential) -> str:
    return f"Basic {b64encode(':'.join(who.pair).encode()).decode()}"


def bearer(token: str) -> str:
    return f"Bearer {token}"


@dataclass
class Cast:
    """Everybody, and the registry that they come to."""

    served: Served
    people: dict[str, Credential] = field(default_factory=dict)
    """By name: those of `HELD`, admin, and the robot."""
    tokens: dict[str, str] = field(default_factory=dict)
    """By name, a token or secret as Bearer; `limited` is the admin's, for reader:team/* alone."""

    @property
    def client(self) -> httpx.Client:
        return self.served.client

    @cached_property
    def accounts(self) -> Accounts:
        return Accounts(self.served.folder)

    def authorization(self, who: str, way: str = "basic", scopes: tuple[str, ...] = ()) -> str:
        """The header by which they come; for way "jwt", with a token for these scopes."""
        if way == "bearer":
            return bearer(self.tokens[who])
        shown = basic(self.people[who]) if who in self.people else ""
        return bearer(self.jwt(shown, *scopes)) if way == "jwt" else shown

    def jwt(self, authorization: str, *scopes: str) -> str:
        """A registry token."""
        given = {"authorization": authorization} if authorization else {}
        answer = self.client.get("/token", params={"scope": list(scopes)}, headers=given)
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["token"]
        return token

    def pushing(self) -> httpx.Client:
        """A client of the admin's."""
        return httpx.Client(base_url=self.served.url, auth=ADMIN.pair)

    def ask(
        self, method: str, path: str, authorization: str = "", content: bytes = b""
    ) -> httpx.Response:
        """A request as someone."""
        given = {"authorization": authorization} if authorization else {}
        if content:
            given["content-type"] = "application/json"
        return self.client.request(method, path, headers=given, content=content)


def furnish(served: Served) -> Cast:
    """Make everybody and the images of the three projects."""
    cast = Cast(served, {"admin": ADMIN})
    accounts = cast.accounts
    for name in ("team", "other"):
        accounts.project(name)
    accounts.project("open", public=True)
    for name, granted in HELD.items():
        cast.people[name] = accounts.user(name, *granted, password=PASSWORD)
        cast.tokens[name] = accounts.token(name).secret
    cast.people["robot"] = accounts.robot("ci", "writer:team/*")
    cast.tokens["robot"] = cast.people["robot"].secret
    cast.tokens["admin"] = accounts.token("admin").secret
    cast.people["limited"] = accounts.token("admin", "reader:team/*", name="limited")
    cast.tokens["limited"] = cast.people["limited"].secret
    for number, where in HOOKS.items():
        accounts.webhook(number, where)
    with cast.pushing() as admin:
        for repository in (PRIVATE, PUBLIC, HIDDEN):
            put_image(admin, repository, "t", repository.encode())
            put_image(admin, repository, "gone", repository.encode())
            admin.delete(f"/v2/{repository}/manifests/gone").raise_for_status()
    return cast


@contextmanager
def playing(folder: Path, **settings: Any) -> Iterator[Cast]:
    """A registry with everybody in it."""
    first_start(folder)
    with serving(folder, "own", dangerously_without_accounts=False, **settings) as served:
        yield furnish(served)
