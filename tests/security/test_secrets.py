"""Secrets are shown once, and found nowhere else (CVE-2026-18255, GHSA-mq6f-5xh5-hgcf).

Recognisable ones come in by every way, also where none belong; then all that the registry tells and
keeps is searched for them.
"""

import os
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.accounts import Credential
from tests.content import dump, put_image
from tests.registry import Registry, serving
from tests.security.cast import basic
from tests.upstream.scripted import Asked, Say, scripted
from tests.warm import entrepot

from entrepot.auth import secrets
from entrepot.db.secrets import Kind

ADMIN = "Planted-by-the-environment-1"
PASSWORD = "Planted-for-alice-2"
CHANGED = "Planted-when-changed-3"
WRONG = "Planted-but-wrong-4"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
AS_NAME = "Planted-as-a-name-5"
IN_QUERY = "Planted-in-a-query-6"
UPSTREAM, RULE = "Planted-for-an-upstream-7", "Planted-for-a-copy-9"
"""Which have to be shown to others: without keys they lie in the data as they are."""
STRANGE = secrets.make(Kind.PERSONAL)
"""Looks like ours, and is not."""
WORKLOAD = (
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0."
    "UGxhbnRlZC1hcy1hLXdvcmtsb2FkLTg"
)

LISTS = (
    "session", "users", "users/alice", "groups", "projects", "projects/team", "grants", "robots",
    "robots/ci", "tokens", "certificates", "audit", "openapi.json", "upstreams", "upstreams/hub",
    "replications", "replications/copy", "replications/copy/tags",
)  # fmt: skip


@dataclass
class Planted:
    """A registry that was told secrets, and what it said to it."""

    registry: Registry
    secrets: set[str]
    said: list[str] = field(default_factory=list)
    admins: str = ""
    """The admin's own token."""

    def admin(self) -> httpx.Client:
        """By the token: passwords from here may have to wait, after so many that were wrong."""
        shown = {"authorization": f"Bearer {self.admins}"}
        return httpx.Client(base_url=self.registry.url, headers=shown, timeout=30)

    def searched(self, text: str) -> set[str]:
        """The secrets of which something is in a text, plain or as Basic writes it."""
        return {secret for secret in self.secrets for part in parts(secret) if part in text}


def parts(secret: str) -> tuple[str, str]:
    """What gives it away, also where it was cut short."""
    part = secret[13:43] if secret.startswith(("entrepot_", "eyJ")) else secret
    return part, b64encode(f"alice:{secret}".encode()).decode()[8:40]


def telling(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.headers} {answer.text}"


def echo(asked: Asked) -> Say:
    """Another registry, which says what was shown to it."""
    shown = asked.headers.get("authorization")
    if shown is None:
        return Say(401, headers={"www-authenticate": 'Basic realm="x"'})
    return Say(403, dump({"errors": [{"message": f"{shown} is not good"}]}))


def plant(registry: Registry, other: str) -> Planted:
    """Bring every kind of secret in by every way that there is."""
    planted = Planted(
        registry,
        {ADMIN, PASSWORD, CHANGED, WRONG, AS_NAME, IN_QUERY, UPSTREAM, RULE, STRANGE, WORKLOAD},
    )
    with httpx.Client(base_url=registry.url, auth=("admin", ADMIN), timeout=30) as admin:
        _make(admin, planted)
        _show_to_others(admin, planted, f"http://{other}")
    with httpx.Client(base_url=registry.url, timeout=30) as client:
        _log_in(client, planted)
        _misplace(client, planted)
    return planted


def _make(admin: httpx.Client, planted: Planted) -> None:
    """Accounts, and the secrets that are shown once."""
    api = "/api/v1"
    made = [
        admin.post(f"{api}/users", json={"name": "alice", "password": PASSWORD}),
        admin.post(f"{api}/projects", json={"name": "team"}),
        admin.post(
            f"{api}/grants",
            json={"subject": "user:alice", "role": "owner", "pattern": "team/*"},
        ),
        admin.post(
            f"{api}/robots",
            json={"name": "ci", "grants": [{"role": "writer", "pattern": "team/*"}]},
        ),
        admin.post(f"{api}/robots/ci/rotate", json={}),
        admin.post(f"{api}/tokens", json={"name": "laptop"}),
        admin.post(f"{api}/session", json={"name": "cli"}),
    ]
    for answer in made:
        assert answer.status_code == 201, answer.text
        if "secret" in answer.json():
            planted.secrets.add(answer.json()["secret"])
    planted.admins = made[-1].json()["secret"]
    put_image(admin, "team/app", "t")


def _show_to_others(admin: httpx.Client, planted: Planted, url: str) -> None:
    """Logins at other registries, and what these say of them."""
    api, given = "/api/v1", {"url": url, "login": "alice"}
    hub = {**given, "project": "hub", "password": UPSTREAM}
    copy = {**given, "name": "copy", "direction": "push", "pattern": "team/*", "password": RULE}
    for path, document in (("upstreams", hub), ("replications", copy)):
        answer = admin.post(f"{api}/{path}", json=document)
        assert answer.status_code == 201, answer.text
        wrong = [{**document, "url": "nowhere"}, {**document, "password": [document["password"]]}]
        answers = [answer, *(admin.post(f"{api}/{path}", json=each) for each in wrong)]
        planted.said += [telling(each) for each in answers]
    for path in ("manifests/1", "tags/list"):
        answer = admin.get(f"/v2/hub/team/app/{path}")
        assert answer.status_code in (200, 404)
        planted.said.append(telling(answer))
    deadline = time.monotonic() + 60
    while not (found := admin.get(f"{api}/replications/copy")).json()["error"]:
        assert time.monotonic() < deadline, found.text
        time.sleep(0.05)


def _log_in(client: httpx.Client, planted: Planted) -> None:
    """By each secret, in each place; then with what is wrong."""
    alice = Credential("alice", PASSWORD)
    asked = {"scope": "repository:team/app:pull", "offline_token": "true"}
    answer = client.get("/token", params=asked, auth=alice.pair).json()
    planted.secrets |= {answer["token"], answer["refresh_token"]}
    form = {"grant_type": "refresh_token", "refresh_token": answer["refresh_token"]}
    planted.secrets.add(client.post("/token", data=form).json()["token"])
    for secret in sorted(planted.secrets):
        for shown in (f"Bearer {secret}", basic(Credential("alice", secret)), secret):
            for path in ("/v2/", "/v2/team/app/manifests/t", "/api/v1/session"):
                answer = client.get(path, headers={"authorization": shown})
                planted.said.append(telling(answer))
        for form in (
            {"grant_type": "password", "username": "alice", "password": secret},
            {"grant_type": "refresh_token", "refresh_token": secret},
            {"grant_type": EXCHANGE, "subject_token": secret},
        ):
            agent = secret if secret[:3] in ("ent", "eyJ") else "t"  # no other looks like one
            answer = client.post("/token", data=form, headers={"user-agent": agent})
            if answer.status_code != 200:
                planted.said.append(telling(answer))
    change = {"password": CHANGED, "current": PASSWORD}
    token = {"authorization": f"Bearer {planted.admins}"}
    path = "/api/v1/users/alice/password"
    assert client.put(path, json=change, auth=alice.pair).status_code in (204, 429)
    for wrong in ({"password": CHANGED, "current": WRONG}, {"password": [WRONG]}):
        planted.said.append(telling(client.put(path, json=wrong, headers=token)))


def _misplace(client: httpx.Client, planted: Planted) -> None:
    """Where no secret belongs."""
    admin = {"authorization": basic(Credential("admin", ADMIN))}
    asks: list[tuple[str, str, dict[str, str], object]] = [
        ("GET", f"/token?username=alice&password={IN_QUERY}", {}, None),
        ("GET", f"/token?service=a&client_secret={IN_QUERY}&scope=x", {}, None),
        ("GET", f"/v2/_catalog?access_token={IN_QUERY}", {}, None),
        ("GET", f"/api/v1/users?token={IN_QUERY}", {}, None),
        ("GET", "/v2/", {"authorization": basic(Credential(AS_NAME, WRONG))}, None),
    ]
    for secret in sorted(each for each in planted.secrets if each[:3] in ("ent", "eyJ")):
        as_name = {"authorization": basic(Credential(secret[:120], WRONG))}
        asks += [
            ("GET", "/v2/", {"user-agent": f"curl {secret}"}, None),
            ("GET", "/v2/", {"user-agent": "x" * 150 + secret, **admin}, None),
            ("GET", "/token?offline_token=true", {"user-agent": secret, **admin}, None),
            ("GET", "/v2/", {"x-request-id": secret}, None),
            ("GET", "/v2/", as_name, None),
            ("GET", f"/{secret}", {}, None),
            ("GET", f"/v2/{secret}/tags/list", {}, None),
            ("GET", f"/v2/team/app/manifests/{secret[:100]}", admin, None),
            ("DELETE", f"/v2/team/app/manifests/{secret[:100]}", {}, None),
            ("GET", f"/v2/team/app/blobs/{secret}", {}, None),
            ("GET", f"/v2/team/app/blobs/uploads/{secret}", {}, None),
            ("GET", f"/token?scope=repository:{secret}:pull&account={secret}", {}, None),
            ("GET", f"/api/v1/users/{secret}", {}, None),
            ("GET", f"/api/v1/users/{secret}", admin, None),
            ("PUT", f"/api/v1/groups/{secret}/members/{secret}", admin, None),
            ("GET", f"/api/v1/can?actor={secret}&action=pull&repository={secret}", admin, None),
            ("POST", "/api/v1/users", admin, {"name": secret, secret: secret}),
        ]
    for method, path, headers, document in asks:
        answer = client.request(method, path, headers=headers, json=document)
        whole = answer.status_code != 200 or not path.startswith("/token")  # which shows a new one
        planted.said.append(telling(answer) if whole else str(answer.headers))


@pytest.fixture(scope="module", params=["json", "text"])
def planted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Planted]:
    folder = tmp_path_factory.mktemp("secrets")
    with (
        scripted(echo) as other,
        serving(
            folder,
            afresh=True,
            dangerously_without_accounts=False,
            admin_password=ADMIN,
            log_format=request.param,
            log_level="debug",
            outbound_allow="127.0.0.0/8",
            upkeep_pause=1,
        ) as registry,
    ):
        yield plant(registry, other.address)


def test_answers(planted: Planted) -> None:
    for said in planted.said:
        assert not planted.searched(said), said
    assert len(planted.said) > 100


def test_lists_and_metrics(planted: Planted) -> None:
    with planted.admin() as admin:
        for path in LISTS:
            answer = admin.get(f"/api/v1/{path}")
            assert answer.status_code == 200, path
            assert not planted.searched(telling(answer)), path
        for path in ("/metrics", "/readyz", "/livez", "/", "/.well-known/jwks.json"):
            assert not planted.searched(telling(admin.get(path))), path


def test_command_line(planted: Planted) -> None:
    shown = ("upstream list", "upstream show hub", "replication list", "replication show copy")
    for words in ("user list", "robot list", "robot show ci", "token list", "grant list", *shown):
        done = entrepot(
            *words.split(),
            "--json",
            ENTREPOT_URL=planted.registry.url,
            ENTREPOT_TOKEN=planted.admins,
        )
        assert done.status == 0, done.error
        assert not planted.searched(done.output + done.error), words


def test_processes(planted: Planted) -> None:
    """Nothing of it is in what `ps` shows to everybody."""
    group = os.getpgid(planted.registry.pid)
    seen = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # others end meanwhile
            if os.getpgid(int(folder.name)) != group:
                continue
            line = (folder / "cmdline").read_text() + (folder / "comm").read_text()
            assert not planted.searched(line)
            seen += 1
    assert seen


def test_logs(planted: Planted) -> None:
    """What was written by then; each request has its line in it."""
    planted.registry.stop()
    log = planted.registry.log.read_text()
    planted.registry.start()
    assert len(re.findall("team/app", log)) > 50
    assert "REDACTED" in log
    assert not planted.searched(log)


def test_the_data(planted: Planted) -> None:
    """The database keeps hashes only, in its rows and on its pages; so does all the folder."""
    planted.registry.stop()
    files = [path for path in planted.registry.data.rglob("*") if path.is_file()]
    assert any(path.name == "entrepot.sqlite" for path in files)
    for path in files:
        text = path.read_bytes().decode("latin-1")
        assert not planted.searched(text) - {UPSTREAM, RULE}, path
    planted.registry.start()


def test_the_audit(planted: Planted) -> None:
    with planted.admin() as admin:
        answer = admin.get("/api/v1/audit", params={"limit": "1000"})
        assert len(answer.json()["items"]) > 40
        assert not planted.searched(answer.text)
        assert not planted.searched(admin.get("/api/v1/audit/export").text)
