"""Secrets are shown once, and found nowhere else (CVE-2026-18255, GHSA-mq6f-5xh5-hgcf).

Recognisable ones come in by every way, also where none belong; then all that the registry tells and
keeps is searched for them.
"""

import os
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tests.accounts import Credential
from tests.cli.command import entrepot
from tests.content import put_image
from tests.registry import Registry, serving
from tests.security.cast import basic

from entrepot.auth import secrets
from entrepot.db.secrets import Kind

ADMIN = "Planted-by-the-environment-1"
PASSWORD = "Planted-for-alice-2"
CHANGED = "Planted-when-changed-3"
WRONG = "Planted-but-wrong-4"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
AS_NAME = "Planted-as-a-name-5"
IN_QUERY = "Planted-in-a-query-6"
STRANGE = secrets.make(Kind.PERSONAL)
"""Looks like ours, and is not."""
WORKLOAD = (
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0."
    "UGxhbnRlZC1hcy1hLXdvcmtsb2FkLTg"
)

LISTS = (
    "session", "users", "users/alice", "groups", "projects", "projects/team", "grants", "robots",
    "robots/ci", "tokens", "certificates", "audit", "openapi.json",
)  # fmt: skip


@dataclass
class Planted:
    """A registry that was told secrets, and what it said to it."""

    registry: Registry
    secrets: set[str]
    said: list[str] = field(default_factory=list)
    admins: str = ""
    """The admin's own token."""

    def searched(self, text: str) -> set[str]:
        """The secrets of which something is in a text, plain or as Basic writes it."""
        return {secret for secret in self.secrets for part in parts(secret) if part in text}


def parts(secret: str) -> tuple[str, str]:
    """What gives it away, also where it was cut short."""
    part = secret[13:43] if secret.startswith(("entrepot_", "eyJ")) else secret
    return part, b64encode(f"alice:{secret}".encode()).decode()[8:40]


def telling(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.headers} {answer.text}"


def plant(registry: Registry) -> Planted:
    """Bring every kind of secret in by every way that there is."""
    planted = Planted(
        registry, {ADMIN, PASSWORD, CHANGED, WRONG, AS_NAME, IN_QUERY, STRANGE, WORKLOAD}
    )
    with httpx.Client(base_url=registry.url, auth=("admin", ADMIN)) as admin:
        _make(admin, planted)
    with httpx.Client(base_url=registry.url) as client:
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
    with serving(
        folder,
        dangerously_without_accounts=False,
        admin_password=ADMIN,
        log_format=request.param,
        log_level="debug",
    ) as registry:
        yield plant(registry)


def test_answers(planted: Planted) -> None:
    for said in planted.said:
        assert not planted.searched(said), said
    assert len(planted.said) > 100


def test_lists_and_metrics(planted: Planted) -> None:
    with httpx.Client(base_url=planted.registry.url, auth=("admin", ADMIN)) as admin:
        for path in LISTS:
            answer = admin.get(f"/api/v1/{path}")
            assert answer.status_code == 200, path
            assert not planted.searched(telling(answer)), path
        for path in ("/metrics", "/readyz", "/livez", "/", "/.well-known/jwks.json"):
            assert not planted.searched(telling(admin.get(path))), path


def test_command_line(planted: Planted) -> None:
    for words in ("user list", "robot list", "robot show ci", "token list", "grant list"):
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
        if os.getpgid(int(folder.name)) != group:
            continue
        seen += 1
        line = (folder / "cmdline").read_text() + (folder / "comm").read_text()
        assert not planted.searched(line)
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
        assert not planted.searched(text), path
    planted.registry.start()


def test_the_audit(planted: Planted) -> None:
    with httpx.Client(base_url=planted.registry.url, auth=("admin", ADMIN)) as admin:
        answer = admin.get("/api/v1/audit", params={"limit": "1000"})
        assert len(answer.json()["items"]) > 40
        assert not planted.searched(answer.text)
        assert not planted.searched(admin.get("/api/v1/audit/export").text)
