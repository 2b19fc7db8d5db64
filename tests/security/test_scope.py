"""What a credential is good for, and when it ends; on the usual way and on the fast path.

A registry token is good for what it was asked for (CVE-2026-61833), and lives on for its short
life; all else ends at once, in every worker, also where the answer lies ready.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN, Accounts, Credential
from tests.content import begin, digest, put_image
from tests.registry import StartRegistry
from tests.security.cast import HIDDEN, PASSWORD, PRIVATE, Cast, basic
from tests.served import name, read

from entrepot.auth.secrets import fingerprint
from entrepot.db import engine, secrets

T = f"/v2/{PRIVATE}/manifests/t"


def admin(cast: Cast) -> httpx.Client:
    return httpx.Client(base_url=cast.served.url, auth=ADMIN.pair)


def status(cast: Cast, authorization: str, path: str = T, method: str = "GET") -> int:
    return cast.ask(method, path, authorization).status_code


def warm(cast: Cast, authorization: str, path: str = T) -> None:
    """Pull until the answer lies ready for this credential."""
    for _ in range(3):
        assert status(cast, authorization, path) == 200


# Uploads


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("size", [0, 10, 100_000])
def test_cve_2026_32589_an_upload_of_another(cast: Cast, method: str, size: int) -> None:
    content = os.urandom(size)
    with httpx.Client(base_url=cast.served.url, auth=cast.people["writer"].pair) as writer:
        location = begin(writer, PRIVATE)
        if content:
            assert writer.patch(location, content=content).status_code == 202
    path = f"{location}?digest={digest(content)}"
    stolen = path.replace(PRIVATE, "other/app")
    assert status(cast, cast.authorization("stranger"), stolen, method) == 404
    for who in ("anonymous", "nobody", "reader", "stranger", "auditor", "limited"):
        assert status(cast, cast.authorization(who), path, method) in (401, 403), who
    assert status(cast, cast.authorization("writer"), location) == 204
    robot = cast.authorization("robot")  # may push there as well, so it may go on
    assert status(cast, robot, path, "PUT") == 201


# The end of what was good


def test_a_disabled_user(cast: Cast) -> None:
    """Password and tokens end at once; a registry token after its few minutes."""
    user = cast.accounts.user(name("gone").replace("/", "-"), "reader:team/*", password=PASSWORD)
    personal = f"Bearer {cast.accounts.token(user.name).secret}"
    offline = cast.client.get(
        "/token",
        params={"scope": f"repository:{PRIVATE}:pull", "offline_token": "true"},
        auth=user.pair,
    ).json()
    renew = {"grant_type": "refresh_token", "refresh_token": offline["refresh_token"]}
    assert cast.client.post("/token", data=renew).status_code == 200
    for shown in (basic(user), personal):
        warm(cast, shown)
    with admin(cast) as client:
        client.patch(f"/api/v1/users/{user.name}", json={"disabled": True}).raise_for_status()
    for shown in (basic(user), personal):
        assert status(cast, shown) == 401
        assert cast.ask("GET", "/token", shown).status_code == 401
    assert cast.client.post("/token", data=renew).status_code == 401
    assert status(cast, f"Bearer {offline['token']}") == 200
    with admin(cast) as client:
        client.delete(f"/api/v1/users/{user.name}").raise_for_status()
    assert status(cast, basic(user)) == 401


@pytest.mark.parametrize("way", ["basic", "bearer"])
def test_a_revoked_grant(cast: Cast, way: str) -> None:
    user = cast.accounts.user(name("revoked").replace("/", "-"), "reader:team/*", password=PASSWORD)
    shown = basic(user) if way == "basic" else f"Bearer {cast.accounts.token(user.name).secret}"
    warm(cast, shown)
    cast.accounts.revoke(f"user:{user.name}", "reader:team/*")
    assert status(cast, shown) == 403
    scope = f"repository:{PRIVATE}:pull"
    token = cast.jwt(basic(user), scope)
    assert status(cast, f"Bearer {token}") == 401
    cast.accounts.grant(f"user:{user.name}", "reader:team/*")
    assert status(cast, shown) == 200


def test_a_group_that_one_has_left(cast: Cast) -> None:
    user = cast.accounts.user("leaver", password=PASSWORD)
    cast.accounts.group("leavers", "leaver")
    cast.accounts.grant("group:leavers", "reader:team/*")
    warm(cast, basic(user))
    with admin(cast) as client:
        client.delete("/api/v1/groups/leavers/members/leaver").raise_for_status()
    assert status(cast, basic(user)) == 403


def test_a_changed_password(cast: Cast) -> None:
    user = cast.accounts.user("changer", "reader:team/*", password=PASSWORD)
    warm(cast, basic(user))
    cast.accounts.password("changer", "another " + PASSWORD)
    assert status(cast, basic(user)) == 401


def test_a_password_that_changes_while_it_is_checked(cast: Cast) -> None:
    """The check of the old one ends after the change: it must not be kept as good."""
    cast.accounts.user("racer", "reader:team/*", password=PASSWORD)
    for turn in range(3):  # with more, guesses would be slowed down
        old = Credential("racer", f"{PASSWORD} {turn}")
        cast.accounts.password("racer", old.secret)
        with ThreadPoolExecutor(4) as pool:
            found = [pool.submit(httpx.get, cast.served.url + T, auth=old.pair) for _ in range(4)]
            cast.accounts.password("racer", "entirely another")
            for each in found:
                each.result()
        assert status(cast, basic(old)) in (401, 429)


@pytest.mark.parametrize("what", ["grant", "password", "token"])
def test_the_other_workers_know_at_once(start_registry: StartRegistry, what: str) -> None:
    registry = start_registry(
        workers=2, dangerously_without_accounts=False, admin_password=ADMIN.secret
    )
    people = Accounts(registry.data)
    people.project("team")
    alice = people.user("alice", "writer:team/*", password=PASSWORD)
    token = people.token("alice")
    with httpx.Client(base_url=registry.url, auth=alice.pair) as client:
        put_image(client, PRIVATE, "t")
    shown = f"Bearer {token.secret}" if what == "token" else basic(alice)
    clients = [
        httpx.Client(base_url=registry.url, headers={"authorization": shown}) for _ in range(12)
    ]
    for client in clients:
        for _ in range(3):
            assert client.get(T).status_code == 200
    if what == "grant":
        people.revoke("user:alice", "writer:team/*")
    elif what == "password":
        people.password("alice", "another " + PASSWORD)
    else:
        answer = httpx.delete(f"{registry.url}/api/v1/session", headers={"authorization": shown})
        assert answer.status_code == 204
    for client in clients:
        # Guesses are slowed down, and the old password is one by now.
        assert client.get(T).status_code in ({403} if what == "grant" else {401, 429})
        client.close()


# What lies ready


SPELLINGS = [
    ("no header", [], 401),
    ("empty", [b"authorization:"], 401),
    ("the same", [b"authorization: {}"], 200),
    ("lower scheme", [b"authorization: basic {raw}"], 200),
    ("two spaces", [b"authorization: Basic  {raw}"], 200),
    ("no scheme", [b"authorization: {raw}"], 401),
    ("cut", [b"authorization: Basic {cut}"], 401),
    ("twice", [b"authorization: {}", b"authorization: {}"], 401),
    ("with nothing first", [b"authorization:", b"authorization: {}"], 401),
    ("with nothing last", [b"authorization: {}", b"authorization:"], 401),
    ("with another's first", [b"authorization: {nobody}", b"authorization: {}"], 401),
    ("with another's last", [b"authorization: {}", b"authorization: {nobody}"], 401),
    ("folded name", [b"Authorization: {nobody}"], 403),
    ("another header", [b"x-authorization: {}"], 401),
    ("a proxy's", [b"proxy-authorization: {}"], 401),
    ("a cookie", [b"cookie: authorization={}"], 401),
]


@pytest.mark.parametrize(
    ("lines", "wanted"), [s[1:] for s in SPELLINGS], ids=[s[0] for s in SPELLINGS]
)
def test_cve_2026_35172_what_lies_ready_is_for_who_may(
    cast: Cast, lines: list[bytes], wanted: int
) -> None:
    alice = cast.authorization("reader")
    raw = alice.partition(" ")[2]
    words = {
        b"{}": alice,
        b"{raw}": raw,
        b"{cut}": raw[:-4],
        b"{nobody}": cast.authorization("nobody"),
    }

    def filled(line: bytes) -> bytes:
        for key, value in words.items():
            line = line.replace(key, value.encode())
        return line

    warm(cast, alice)
    for method in (b"GET", b"HEAD"):
        answer = cast.served.ask(T.encode(), *map(filled, lines), method=method)
        assert answer.status == wanted
    # Kept open, so that the fast path may answer; and behind one that it has answered.
    mine = b"GET %b HTTP/1.1\r\nhost: t\r\nauthorization: %b\r\n\r\n" % (T.encode(), alice.encode())
    head = b"\r\n".join([b"GET %b HTTP/1.1" % T.encode(), b"host: t", *map(filled, lines)])
    with cast.served.connect() as sock:
        sock.sendall(mine + head + b"\r\n\r\n" + mine)
        assert [read(sock).status for _ in range(1)] == [200]
    with cast.served.connect() as sock:
        sock.sendall(mine)
        assert receive(sock) == 200
        sock.sendall(head + b"\r\n\r\n")
        assert receive(sock) == wanted
        sock.sendall(mine)
        assert receive(sock) == 200


def receive(sock: Any) -> int:
    """The status of the next answer on a connection that stays open."""
    found = b""
    while b"\r\n\r\n" not in found:
        piece = sock.recv(1)
        assert piece, found
        found += piece
    head = found.lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    while length:
        length -= len(sock.recv(length))
    return int(found.split(b" ")[1])


BEHIND = [
    (who, way)
    for who in ("anonymous", "nobody", "stranger", "auditor", "creator", "reporter")
    for way in ("basic", "bearer", "jwt")
    if (who, way) != ("anonymous", "bearer")  # who is nobody has no token
]


@pytest.mark.parametrize(("who", "way"), BEHIND)
def test_pipelined_behind_one_who_may(cast: Cast, who: str, way: str) -> None:
    alice, other = cast.authorization("reader"), cast.authorization(who, way)
    warm(cast, alice)

    def line(authorization: str) -> bytes:
        given = f"authorization: {authorization}\r\n" if authorization else ""
        return f"GET {T} HTTP/1.1\r\nhost: t\r\n{given}\r\n".encode()

    with cast.served.connect() as sock:
        sock.sendall(line(alice) + line(other) + line(alice) + line(other))
        found = [receive(sock) for _ in range(4)]
    assert found[0] == found[2] == 200
    assert set(found[1::2]) <= {401, 403}


POLICIES: dict[str, dict[str, Any]] = {
    "networks": {"networks": ["10.0.0.0/8", "2001:db8::/32"]},
    "certificate": {"require_certificate": True},
    "longest": {"longest_token": 60},
}
FREE = {"networks": [], "require_certificate": False, "read_only": False, "longest_token": None}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("who", ["reader", "owner", "admin", "robot"])
def test_policies_hold_where_an_answer_lies_ready(cast: Cast, who: str, policy: str) -> None:
    """For everybody, admins too; and from the moment on when they are set."""
    ways = ["bearer"] if policy == "longest" else ["basic", "bearer", "jwt"]
    shown = [cast.authorization(who, way, (f"repository:{PRIVATE}:pull",)) for way in ways]
    for each in shown:
        warm(cast, each)
    with admin(cast) as client:
        client.patch("/api/v1/projects/team", json=POLICIES[policy]).raise_for_status()
        try:
            for each in shown:
                for method in ("GET", "HEAD", "GET"):
                    assert status(cast, each, method=method) == 403
                scope = f"repository:{PRIVATE}:pull"
                if not each.startswith("Bearer ey"):
                    assert status(cast, f"Bearer {cast.jwt(each, scope)}") in (401, 403)
        finally:
            client.patch("/api/v1/projects/team", json=FREE).raise_for_status()
    for each in shown:
        warm(cast, each)


FORGED = [
    "x-forwarded-for: 10.1.2.3",
    "x-forwarded-for: ::ffff:10.1.2.3",
    "x-forwarded-for: 10.1.2.3, 127.0.0.1",
    "forwarded: for=10.1.2.3",
    "x-real-ip: 10.1.2.3",
    "x-client-ip: 10.1.2.3",
    "true-client-ip: 10.1.2.3",
    "x-ssl-client-verify: SUCCESS",
]


@pytest.mark.parametrize("header", FORGED)
def test_nobody_says_where_they_are_by_themselves(cast: Cast, header: str) -> None:
    shown = cast.authorization("reader")
    with admin(cast) as client:
        client.patch("/api/v1/projects/team", json=POLICIES["networks"]).raise_for_status()
        try:
            key, _, value = header.partition(": ")
            given = {"authorization": shown, key: value}
            assert cast.client.get(T, headers=given).status_code == 403
        finally:
            client.patch("/api/v1/projects/team", json=FREE).raise_for_status()


NETWORKS = [
    ("127.0.0.0/8", 200),
    ("127.0.0.1", 200),
    ("::ffff:127.0.0.1", 200),
    ("::ffff:127.0.0.0/104", 200),
    ("::ffff:10.0.0.0/104", 403),
    ("::1", 403),
    ("0.0.0.0/0", 200),
    ("::/0", 403),
    ("128.0.0.0/1", 403),
]


@pytest.mark.parametrize(("network", "wanted"), NETWORKS)
def test_networks(cast: Cast, network: str, wanted: int) -> None:
    shown = cast.authorization("reader")
    with admin(cast) as client:
        try:
            answer = client.patch("/api/v1/projects/team", json={"networks": [network]})
            found = status(cast, shown) if answer.status_code == 200 else answer.status_code
            assert found == wanted
        finally:
            client.patch("/api/v1/projects/team", json=FREE).raise_for_status()


@pytest.mark.parametrize("way", ["basic", "bearer", "jwt"])
@pytest.mark.parametrize("who", ["writer", "owner", "admin"])
def test_read_only(cast: Cast, who: str, way: str) -> None:
    shown = cast.authorization(who, way, (f"repository:{PRIVATE}:pull,push,delete",))
    writes = [
        ("POST", f"/v2/{PRIVATE}/blobs/uploads/"),
        ("PUT", f"/v2/{PRIVATE}/manifests/new"),
        ("DELETE", f"/v2/{PRIVATE}/manifests/t"),
        ("DELETE", f"/v2/{PRIVATE}/blobs/{digest(b'x')}"),
    ]
    with admin(cast) as client:
        client.patch("/api/v1/projects/team", json={"read_only": True}).raise_for_status()
        try:
            assert status(cast, shown) == 200
            for method, path in writes:
                assert status(cast, shown, path, method) == 403
        finally:
            client.patch("/api/v1/projects/team", json=FREE).raise_for_status()


# Two at once


def test_two_creators_race_to_one_project(cast: Cast) -> None:
    people = [
        cast.accounts.user(f"creator-{number}", "creator:*", password=PASSWORD)
        for number in range(4)
    ]
    for turn in range(5):
        repository = f"race-{turn}/app"
        start = threading.Barrier(len(people))

        def push(who: Credential, repository: str = repository, start: Any = start) -> int:
            with httpx.Client(base_url=cast.served.url, auth=who.pair) as client:
                client.get("/v2/")  # the password is checked before the race
                start.wait()
                return client.post(f"/v2/{repository}/blobs/uploads/").status_code

        with ThreadPoolExecutor(len(people)) as pool:
            found = sorted(pool.map(push, people))
        assert found == [202, 403, 403, 403]
        asked = f"/api/v1/grants?project=race-{turn}"
        grants = cast.ask("GET", asked, cast.authorization("admin")).json()["items"]
        assert [each["role"] for each in grants] == ["owner"]


def test_a_creators_token_for_what_became_anothers(cast: Cast) -> None:
    """The token says that they may make the project; by now it is there."""
    scope = "repository:meanwhile/app:pull,push,delete"
    token = f"Bearer {cast.jwt(cast.authorization('creator'), scope)}"
    cast.accounts.project("meanwhile")
    with admin(cast) as client:
        put_image(client, "meanwhile/app", "t")
    for method, path in (
        ("GET", "manifests/t"),
        ("DELETE", "manifests/t"),
        ("POST", "blobs/uploads/"),
        ("GET", "tags/list"),
    ):
        assert status(cast, token, f"/v2/meanwhile/app/{path}", method) == 401


def test_a_creators_token_for_what_became_theirs(cast: Cast) -> None:
    scope = "repository:mine/app:pull,push,delete"
    tokens = [f"Bearer {cast.jwt(cast.authorization('creator'), scope)}" for _ in range(2)]
    for token in tokens:
        assert status(cast, token, "/v2/mine/app/blobs/uploads/", "POST") == 202
    assert status(cast, tokens[0], "/v2/mine/elsewhere/blobs/uploads/", "POST") == 401


# Tokens from tokens


def test_a_limited_token_makes_nothing_wider(cast: Cast) -> None:
    limited = cast.authorization("limited")
    wide = "repository:team/app:pull,push,delete"
    token = f"Bearer {cast.jwt(limited, wide, f'repository:{HIDDEN}:pull')}"
    assert status(cast, token) == 200
    assert status(cast, token, f"/v2/{PRIVATE}/blobs/uploads/", "POST") == 401
    assert status(cast, token, f"/v2/{HIDDEN}/manifests/t") == 401
    offline = cast.client.get(
        "/token", params={"offline_token": "true"}, headers={"authorization": limited}
    ).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": offline, "scope": wide}
    renewed = cast.client.post("/token", data=form).json()["token"]
    assert status(cast, f"Bearer {renewed}") == 200
    assert status(cast, f"Bearer {renewed}", f"/v2/{PRIVATE}/blobs/uploads/", "POST") == 401
    assert status(cast, f"Bearer {offline}") == 401
    assert status(cast, basic(Credential("admin", offline))) == 401


def test_a_registry_token_makes_no_other(cast: Cast) -> None:
    """Neither a wider one, nor one that lives on after it, nor a token of another kind."""
    narrow = f"Bearer {cast.jwt(cast.authorization('owner'), f'repository:{PRIVATE}:pull')}"
    wide = f"repository:{PRIVATE}:pull,push,delete"
    for more in ({}, {"offline_token": "true"}, {"scope": wide}):
        given = {"authorization": narrow}
        answer = cast.client.get("/token", params=more, headers=given)
        assert answer.status_code == 401
        assert "token" not in answer.headers.get("content-type", "")
    secret = narrow.partition(" ")[2]
    assert cast.ask("GET", "/token", basic(Credential("owner", secret))).status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": secret}
    assert cast.client.post("/token", data=form).status_code == 401
    assert cast.ask("GET", "/api/v1/session", narrow).status_code == 403


def test_nothing_outlives_what_it_was_made_from(cast: Cast) -> None:
    """A token made in the last moments of another ends with it."""
    owner = cast.authorization("owner")
    made = cast.client.post(
        "/api/v1/tokens",
        json={"name": "short", "expires": 200},
        headers={"authorization": owner},
    ).json()["secret"]
    given = {"authorization": f"Bearer {made}"}
    answer = cast.client.get("/token", params={"offline_token": "true"}, headers=given).json()
    assert answer["expires_in"] <= 200
    form = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    assert cast.client.post("/token", data=form).json()["expires_in"] <= 200
    with closing(engine.connect(cast.served.folder)) as db:
        refresh = secrets.by_hash(db, fingerprint(answer["refresh_token"]))
        parent = secrets.by_hash(db, fingerprint(made))
    assert refresh is not None
    assert parent is not None
    assert refresh.expires_at is not None
    assert parent.expires_at is not None
    assert refresh.expires_at <= parent.expires_at + 0.1
    revoked = cast.client.delete(f"/api/v1/tokens/{parent.id}", headers={"authorization": owner})
    assert revoked.status_code == 204
    assert cast.client.post("/token", data=form).status_code == 401
