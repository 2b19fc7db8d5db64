"""Guesses by the thousand, and requests that ask for much: the others are served meanwhile.

`ENTREPOT_GUESSES` makes a longer run.
"""

import asyncio
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN, first_start
from tests.content import put_image
from tests.registry import Registry, serving
from tests.security.cast import PASSWORD, PRIVATE, Cast, basic, furnish, playing
from tests.security.test_unseen import inside
from tests.served import Served

from entrepot.auth import passwords, throttle
from entrepot.auth.passwords import MOST_WAITING, Passwords
from entrepot.auth.throttle import Throttle
from entrepot.db import engine
from entrepot.settings import Settings

GUESSES = int(os.environ.pop("ENTREPOT_GUESSES", "2000"))


def test_the_throttle_is_bounded() -> None:
    """However many guess at however many accounts."""
    counted = Throttle()
    for number in range(3 * throttle._MOST):
        counted.tries(f"user-{number}", f"2001:db8:{number % 65536:x}::1")
    assert len(counted._failed) <= throttle._MOST


async def test_at_most_two_are_checked_at_once(tmp_path: Path) -> None:
    """Each takes 64 MiB; and those that would wait for long are told so at once."""
    async with inside(tmp_path) as (registry, client):
        given = [("x-forwarded-for", "192.0.2.1")]
        asks = [
            client.get("/v2/", auth=(f"user-{number}", "wrong"), headers=given)
            for number in range(3 * MOST_WAITING)
        ]
        answers = await asyncio.gather(*asks)
        found = Counter(answer.status_code for answer in answers)
        assert set(found) == {401, 429}
        assert all(
            int(answer.headers["retry-after"]) > 0
            for answer in answers
            if answer.status_code == 429
        )
        assert registry.guard.login.passwords._waiting == 0


async def test_a_crowd_is_turned_away() -> None:
    """The queue in front of the checks has an end, and empties again."""
    checks = Passwords()
    kept = passwords.hashed(PASSWORD)
    crowd = [asyncio.create_task(checks.verify(None, "x")) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    assert checks.crowded
    for each in crowd[2:]:
        each.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    assert not checks.crowded
    assert await checks.verify(kept, PASSWORD)
    assert not await checks.verify(kept, "x")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """By which guesses are slowed down: it stands still, wherever the test does."""
    now = [float(int(time.monotonic()))]  # whole seconds add up to whole ones
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.mark.usefixtures("clock")
def test_concurrent_guesses_do_not_slip_through(cast: Cast) -> None:
    """Of a hundred at once no more are compared than of a hundred one after the other."""
    cast.accounts.user("guessed", "reader:team/*", password=PASSWORD)

    def guess(number: int) -> int:
        auth = ("guessed", f"wrong {number}")
        with httpx.Client(base_url=cast.served.url, auth=auth, timeout=60) as client:
            return client.get("/v2/").status_code

    with ThreadPoolExecutor(20) as pool:
        found = Counter(pool.map(guess, range(100)))
    assert found == {401: throttle.FREE_ACCOUNT, 429: 100 - throttle.FREE_ACCOUNT}
    answer = cast.client.get("/v2/", auth=("guessed", PASSWORD))
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) == 1
    assert "wait" in answer.json()["errors"][0]["message"]


def test_the_right_password_after_the_wait(tmp_path: Path, clock: list[float]) -> None:
    with playing(tmp_path) as cast:
        user = cast.accounts.user("patient", password=PASSWORD)
        for _ in range(throttle.FREE_ACCOUNT):
            assert cast.client.get("/v2/", auth=("patient", "wrong")).status_code == 401
        answer = cast.client.get("/v2/", auth=user.pair)
        assert answer.status_code == 429
        clock[0] += int(answer.headers["retry-after"])
        assert cast.client.get("/v2/", auth=user.pair).status_code == 200


@pytest.mark.parametrize("spread", ["one address", "many addresses", "one account"])
def test_guesses_by_the_thousand(tmp_path: Path, spread: str) -> None:
    """Pulls and other logins go on, and nothing is kept of it."""
    with serving(
        tmp_path,
        dangerously_without_accounts=False,
        admin_password=ADMIN.secret,
        trusted_proxies="127.0.0.1",
    ) as registry:
        furnished = Served(
            Settings(data=registry.data), ("127.0.0.1", int(registry.address.rpartition(":")[2]))
        )
        cast = furnish(furnished)
        token = cast.authorization("reader", "bearer")
        before = resident(registry)
        threads = [
            threading.Thread(target=guess, args=(registry, spread, part)) for part in range(4)
        ]
        for each in threads:
            each.start()
        pulled = 0
        while any(each.is_alive() for each in threads):
            pull = cast.ask("GET", f"/v2/{PRIVATE}/manifests/t", token)
            assert pull.status_code == 200
            scope = f"repository:{PRIVATE}:pull"
            assert cast.jwt(token, scope)
            pulled += 1
        assert pulled > 20
        assert resident(registry) - before < 200 * 1024 * 1024
        assert cast.ask("GET", f"/v2/{PRIVATE}/manifests/t", token).status_code == 200
        furnished.client.close()


def guess(registry: Registry, spread: str, part: int) -> None:
    """A quarter of the guesses, one after the other, on one connection."""
    with httpx.Client(base_url=registry.url, timeout=60) as client:
        for number in range(GUESSES // 4):
            name = "reader" if spread == "one account" else f"user-{part}-{number}"
            far = f"198.51.{part}.{number % 2}" if spread != "one address" else "198.51.100.1"
            given = {"x-forwarded-for": far}
            status = client.get("/v2/", auth=(name, f"wrong {number}"), headers=given).status_code
            assert status in (401, 429)


def resident(registry: Registry) -> int:
    """Bytes of memory that the process has."""
    text = Path(f"/proc/{registry.pid}/statm").read_text().split()
    return int(text[1]) * 4096


# Requests that ask for much


BOMBS = {
    "many scopes": [f"repository:team/app-{number}:pull,push,delete" for number in range(5000)],
    "many in one": [" ".join(f"repository:a{number}/b:*" for number in range(2000))],
    "many actions": ["repository:team/app:" + ",".join(["pull", "push", "delete", "*"] * 3000)],
    "long name": ["repository:" + "a/" * 10_000 + "b:pull"],
    "colons": ["repository" + ":a" * 10_000],
    "brackets": ["repository(" * 5000],
    "stars": ["repository:a:" + "*" * 20_000],
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("who", ["anonymous", "admin"])
def test_scope_bombs(cast: Cast, who: str, bomb: str) -> None:
    """An answer in time, and a token that a client can send back."""
    form: dict[str, Any] = {"scope": BOMBS[bomb]}
    if who == "admin":
        form |= {"grant_type": "password", "username": "admin", "password": ADMIN.secret}
        answer = cast.client.post("/token", data=form)
    else:
        answer = cast.client.get("/token", params={"scope": BOMBS[bomb][0][:20_000]})
    assert answer.status_code in (200, 400, 413, 431), answer.text[:200]
    if answer.status_code == 200:
        token = f"Bearer {answer.json()['token']}"
        assert len(token) < 32 * 1024
        assert cast.ask("GET", "/v2/", token).status_code in (200, 401)


FORMS = [
    b"", b"&" * 60_000, b"=" * 60_000, b"a=1&" * 15_000, b"%" * 60_000, b"\xff" * 60_000,
    b"\x00" * 60_000, b'{"grant_type": "password"}', b"grant_type", b"grant_type=%00",
    b"grant_type=password&username=%ff&password=%00",
    b"grant_type=password&password=" + b"x" * 60_000,
    b"grant_type=password&username=" + b"u" * 60_000 + b"&password=x",
    b"grant_type=refresh_token&refresh_token=" + b"e" * 60_000,
    b"grant_type=refresh_token&refresh_token=entrepot_ref_%00",
    b"grant_type=password&username=a&password=eyJ..", b"x" * 70_000,
]  # fmt: skip


@pytest.mark.parametrize("content", FORMS, ids=[repr(form[:30]) for form in FORMS])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_forms_that_are_none(cast: Cast, content: bytes, kind: str) -> None:
    answer = cast.client.post("/token", content=content, headers={"content-type": kind})
    assert answer.status_code in (400, 401, 413, 429), answer.text[:200]


SHOWN = [
    "Basic " + "QQ" * 12_000, "Basic ====", "Basic \xff", "Basic Og==", "Bearer " + "e" * 24_000,
    "Bearer " + "." * 24_000, "Bearer eyJ" + "." * 10_000, "Bearer eyJhbGciOiJub25lIn0..", "Bearer",
    "Negotiate abc", "a " * 10_000, "Bearer eyJhbGciOiJFUzI1NiJ9." + "W" * 15_000 + ".x",
]  # fmt: skip


@pytest.mark.parametrize("shown", SHOWN, ids=[repr(each[:24]) for each in SHOWN])
def test_authorization_that_is_none(cast: Cast, shown: str) -> None:
    for path in ("/v2/", f"/v2/{PRIVATE}/manifests/t", "/token", "/api/v1/session"):
        given = [(b"authorization", shown.strip().encode("latin-1"))]
        answer = cast.client.get(path, headers=given)
        assert answer.status_code in (401, 429, 431), (path, answer.text[:200])


def test_a_hundred_thousand_grants(tmp_path: Path) -> None:
    """An owner may give them; decisions look at those alone that are on the repository."""
    first_start(tmp_path)
    with closing(engine.connect(tmp_path)) as db, db.exclusive():
        db.executemany(
            "insert into permission (subject, role, pattern, created_at, created_by) "
            "values ('user:reader', 'reader', ?, 0, 'test')",
            ((f"team/many-{number}",) for number in range(100_000)),
        )
    with playing(tmp_path) as cast:
        shown = cast.authorization("reader", "bearer")
        names = [f"team/many-{number}" for number in range(0, 100_000, 1000)]
        token = cast.jwt(shown, " ".join(f"repository:{name}:pull,push" for name in names))
        assert cast.ask("GET", "/v2/team/many-0/tags/list", f"Bearer {token}").status_code == 404
        for number in range(200):
            path = f"/v2/team/many-{number}/tags/list"
            assert cast.ask("GET", path, shown).status_code == 404
        assert cast.ask("GET", "/v2/_catalog", shown).status_code == 200
        answer = cast.ask("GET", "/api/v1/grants?limit=10", shown)
        assert len(answer.json()["items"]) == 10


# What is said of oneself


HOSTS = [
    b'a"b', b"a b", b"a,realm=evil", b"a\\b", b"evil.example/x", b"user@evil", b"a\tb", b"", b"[",
    b"a:b:c",
    b"\xff", b"a" * 300,
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS, ids=repr)
def test_a_host_header_stays_out_of_the_challenge(cast: Cast, host: bytes) -> None:
    """Quotes, commas and more of it would make another challenge of it."""
    head = b"GET /v2/ HTTP/1.1\r\nhost: %b\r\nconnection: close\r\n\r\n" % host
    answer = cast.served.raw(head)
    if answer.status == 400:
        return
    challenge = answer.headers["www-authenticate"]
    assert challenge.count("realm=") == 1
    realm = challenge.partition('realm="')[2].partition('"')[0]
    assert httpx.URL(realm).path == "/token"
    assert not httpx.URL(realm).userinfo
    assert set(challenge.split('"')[1::2]) == {realm, "entrepot"}


def test_the_public_url_is_the_realm(tmp_path: Path) -> None:
    with playing(tmp_path, public_url="https://registry.example") as cast:
        answer = cast.client.get("/v2/", headers={"host": "evil.example"})
        assert 'realm="https://registry.example/token"' in answer.headers["www-authenticate"]
        assert "evil" not in str(answer.headers)


IDS = [b"a b", b"a\tb", b'"', b"{}", b"a" * 65, b"\xff", b"<script>", b"", b"a,b"]


@pytest.mark.parametrize("identity", IDS, ids=repr)
@pytest.mark.parametrize("path", [b"/v2/", b"/api/v1/session", b"/v2/open/app/manifests/t"])
def test_request_ids_are_checked(cast: Cast, path: bytes, identity: bytes) -> None:
    for _ in range(2):
        answer = cast.served.ask(path, b"x-request-id: " + identity)
        assert answer.headers["x-request-id"] != identity.decode("latin-1")
        assert answer.headers["x-request-id"].replace("-", "").isalnum()


# Browsers


@pytest.mark.parametrize(
    "path", ["/session", "/openapi.json", "/users", "/nowhere", "/sso/start", "/projects/%00"]
)
@pytest.mark.parametrize("who", ["anonymous", "admin"])
def test_no_browser_runs_an_answer(cast: Cast, who: str, path: str) -> None:
    answer = cast.ask("GET", f"/api/v1{path}", cast.authorization(who))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    for name in ("content-security-policy", "x-request-id", "cache-control"):
        assert len(answer.headers.get_list(name)) == 1
    assert not any(name.startswith("access-control-") for name in answer.headers)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_another_sites_form_does_nothing(cast: Cast, kind: str) -> None:
    """There is no cookie that would let it in, and no credential that a browser adds by itself."""
    body = json.dumps({"name": "forged"}).encode()
    given = {
        "content-type": kind,
        "origin": "https://evil.example",
        "cookie": f"authorization={basic(ADMIN)}; session=x; entrepot-sso=x; entrepot-sso-proof=x",
    }
    answer = cast.client.post("/api/v1/groups", content=body, headers=given)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")  # no browser asks for that
    form = cast.client.post("/api/v1/sso/token", content=b"code=x", headers=given)
    assert form.status_code in (403, 404)


@pytest.fixture(autouse=True)
def _images(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the tests pull is there again, whatever one before has done."""
    yield
    if "cast" in request.fixturenames:
        shared = request.getfixturevalue("cast")
        with httpx.Client(base_url=shared.served.url, auth=ADMIN.pair) as admin:
            put_image(admin, PRIVATE, "t", PRIVATE.encode())
