"""Single sign-on from end to end: a real provider, a registry of two processes, a browser."""

import base64
import hashlib
import html
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from tests.accounts import ADMIN, Accounts, first_start
from tests.auth.oidc.signing_on import SECRET, Running, log_in, running
from tests.content import put_image
from tests.registry import Registry, environment
from tests.served import Served, serving
from tests.waiting import until
from tests.warm import entrepot

from entrepot.db import engine, entries
from entrepot.db.entries import Entry, Wanted

SIGNED_ON = "used already, or its time is over"
ROUTES = [
    ("GET", "start"),
    ("GET", "callback"),
    ("POST", "token"),
    ("POST", "exchange"),
]


@dataclass
class House:
    """A registry and the provider that it knows."""

    registry: Registry
    provider: Running
    admin: httpx.Client

    @property
    def sso(self) -> str:
        return f"{self.registry.url}/api/v1/sso"

    @contextmanager
    def browser(self) -> Iterator[httpx.Client]:
        """One that keeps cookies as browsers do, and no connection: each request may go to
        another process."""
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(timeout=60, limits=limits) as browser:
            yield browser

    def log_in(self, browser: httpx.Client, login: str, **asked: Any) -> str:
        """From our start to the provider; the address that it sends the browser back to."""
        start = f"{self.sso}/start?{urlencode(asked)}"
        return log_in(browser, start, login, f"{self.sso}/callback")

    def sign_on(self, login: str, **asked: Any) -> httpx.Response:
        """What a browser sees in the end."""
        with self.browser() as browser:
            return browser.get(self.log_in(browser, login, **asked))

    def token(self, login: str) -> str:
        """A personal token, made on the page."""
        with self.browser() as browser:
            page = browser.get(self.log_in(browser, login))
            return secret_in(press(browser, page))

    def command_line(self, login: str) -> tuple[str, str]:
        """A code that came to the command line, and its verifier."""
        verifier = secrets.token_urlsafe(48)
        answer = self.sign_on(login, port=2345, challenge=challenge(verifier))
        assert answer.status_code == 303, answer.text
        where = urlsplit(answer.headers["location"])
        assert (where.hostname, where.port, where.path) == ("127.0.0.1", 2345, "/")
        return dict(parse_qsl(where.query))["code"], verifier

    def exchange(self, code: str, verifier: str) -> httpx.Response:
        given = {"code": code, "verifier": verifier, "name": "cli on test"}
        return httpx.post(f"{self.sso}/exchange", json=given)

    def scope(self, secret: str) -> str:
        """What a client may do to team/app that has logged in by a secret."""
        asked = {"scope": "repository:team/app:pull,push"}
        answer = httpx.get(f"{self.registry.url}/token", params=asked, auth=("any", secret))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["scope"])

    def audit(self, **wanted: str) -> list[Entry]:
        with closing(engine.connect_to_read(self.registry.data)) as db:
            return entries.page(db, Wanted(**wanted), None, 500).entries  # type: ignore[arg-type]


def challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def press(browser: httpx.Client, page: httpx.Response) -> httpx.Response:
    """Press the button of the page."""
    assert page.status_code == 200, page.text
    found = re.search(r'action="([^"]+)".*name="code" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return browser.post(page.url.join(found[1]), data={"code": found[2]})


def secret_in(page: httpx.Response) -> str:
    found = re.search(r"entrepot_pat_\w+", page.text)
    assert found is not None, page.text
    return found[0]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    settings: dict[str, str | int | bool | Path] = {
        "admin_password": ADMIN.secret,
        "outbound_allow": "127.0.0.0/8",
        "sso_client_id": "registry",
        "sso_client_secret": SECRET,
        "sso_scopes": "openid,profile,email,groups",
        "workers": 2,
    }
    registry = Registry(folder / "data", folder / "registry.log", environment(settings))
    back = f"{registry.url}/api/v1/sso/callback"
    client = {"client_id": "registry", "client_secret": SECRET, "redirect_uris": [back]}
    with running(clients=[client]) as provider:
        registry.settings["ENTREPOT_SSO_ISSUER"] = provider.url
        registry.start()
        try:
            with httpx.Client(
                base_url=f"{registry.url}/api/v1", auth=ADMIN.pair, timeout=30
            ) as admin:
                yield furnished(House(registry, provider, admin))
            registry.stop()
        finally:
            registry.kill()
    log = registry.log.read_text()
    assert "Traceback (most recent call last)" not in log
    assert SECRET not in log


def furnished(house: House) -> House:
    """A group of developers, who may push to a project that has an image."""
    for path, wanted in (
        ("/groups", {"name": "dev"}),
        ("/grants", {"subject": "group:dev", "role": "writer", "pattern": "team/*"}),
    ):
        assert house.admin.post(path, json=wanted).status_code == 201
    with httpx.Client(base_url=house.registry.url, auth=ADMIN.pair) as client:
        put_image(client, "team/app", "1")
    return house


def test_in_the_browser(house: House) -> None:
    with house.browser() as browser:
        page = browser.get(house.log_in(browser, "alice"))
        assert "You are alice" in page.text
        tokens = house.admin.get("/tokens", params={"user": "alice"}).json()["items"]
        assert tokens == [], "a page that was only loaded made a token"
        made = press(browser, page)
        secret = secret_in(made)
        assert "docker login" in made.text
        again = press(browser, page)
        assert (again.status_code, SIGNED_ON in again.text) == (403, True)
    for shown in (page, made):
        policy = shown.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert shown.headers["cache-control"] == "no-store"
        assert shown.headers["referrer-policy"] == "no-referrer"
        assert "<script" not in shown.text
    assert house.scope(secret) == "repository:team/app:pull,push"
    with httpx.Client(base_url=house.registry.url, auth=("alice", secret)) as docker:
        assert docker.get("/v2/team/app/manifests/1").status_code == 200
    user = house.admin.get("/users/alice").json()
    assert user["groups"] == ["dev"], "ops is no group here"
    assert (user["email"], user["password"]) == ("alice@example.com", False)
    assert user["identity"] == f"{house.provider.url}|alice"
    assert secret not in house.registry.log.read_text()


def test_on_the_command_line(house: House, tmp_path: Path) -> None:
    contexts = str(tmp_path / "contexts.json")
    outer = {k: v for k, v in os.environ.items() if not k.startswith("ENTREPOT_")}
    command = [sys.executable, "-m", "entrepot", "login", house.registry.url]
    with subprocess.Popen(
        [*command, "--sso", "--no-browser", "--wait", "60"],
        env={**outer, "ENTREPOT_CONTEXTS": contexts},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = "".join(process.stderr.readline() for _ in range(3))
        where = re.search(r"http://\S+/sso/start\S+", told)
        assert where is not None, told
        with house.browser() as browser:
            back = log_in(browser, where[0], "alice", f"{house.sso}/callback")
            answer = browser.get(back)
            assert answer.status_code == 303
            listener = urlsplit(answer.headers["location"])
            other = f"http://{listener.netloc}/favicon.ico"
            assert httpx.get(other).status_code == 404, "that was no answer"
            assert "back to the terminal" in browser.get(answer.headers["location"]).text
        output, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert "user:alice is logged in" in output
    done = entrepot("whoami", "--json", ENTREPOT_CONTEXTS=contexts)
    assert '"subject": "user:alice"' in done.output
    done = entrepot("token", "create", "--name", "laptop", "--json", ENTREPOT_CONTEXTS=contexts)
    assert house.scope(secret_in(httpx.Response(200, text=done.output))).endswith("pull,push")
    assert entrepot("logout", ENTREPOT_CONTEXTS=contexts).status == 0


def test_a_refusal_reaches_the_command_line(house: House) -> None:
    verifier = secrets.token_urlsafe(48)
    answer = house.sign_on("eve", port=2345, challenge=challenge(verifier))
    said = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert "is no name" in said["error"]
    assert "code" not in said


def test_a_code_is_used_once_by_whichever_process(house: House) -> None:
    code, verifier = house.command_line("alice")
    first = house.exchange(code, verifier)
    assert first.status_code == 201
    assert first.json()["subject"] == "user:alice"
    for _ in range(10):
        again = house.exchange(code, verifier)
        assert (again.status_code, SIGNED_ON in again.json()["detail"]) == (403, True)


def test_a_code_without_its_verifier_is_gone(house: House) -> None:
    code, verifier = house.command_line("alice")
    assert house.exchange(code, secrets.token_urlsafe(48)).status_code == 403
    assert house.exchange(code, verifier).status_code == 403


def test_a_code_of_the_page_is_none_of_the_command_line(house: House) -> None:
    with house.browser() as browser:
        page = browser.get(house.log_in(browser, "alice"))
    found = re.search(r'name="code" value="([^"]+)"', page.text)
    assert found is not None
    assert house.exchange(found[1], secrets.token_urlsafe(48)).status_code == 403


def test_the_button_needs_the_browser_s_own_cookie(house: House) -> None:
    with house.browser() as browser, house.browser() as other:
        page = browser.get(house.log_in(browser, "alice"))
        stolen = press(other, page)
        assert (stolen.status_code, SIGNED_ON in stolen.text) == (403, True)
        assert press(browser, page).status_code == 403, "the code was shown, and is gone"


BEGIN = "was not begun in this browser"


def test_an_answer_is_used_once(house: House) -> None:
    with house.browser() as browser:
        location = house.log_in(browser, "alice")
        sealed = browser.cookies["entrepot-sso"]
        assert "You are alice" in browser.get(location).text
        assert BEGIN in browser.get(location).text, "the cookie is gone"
    with house.browser() as browser:
        browser.cookies.set("entrepot-sso", sealed)
        again = browser.get(location)
        assert again.status_code == 403
        assert "invalid_grant" in again.text


def test_an_answer_belongs_to_the_browser_that_began(house: House) -> None:
    with house.browser() as mine, house.browser() as theirs, house.browser() as none:
        location = house.log_in(mine, "alice")
        house.log_in(theirs, "bob")
        for browser in (theirs, none):
            answer = browser.get(location)
            assert (answer.status_code, BEGIN in answer.text) == (403, True)
        assert "You are alice" in mine.get(location).text


def test_a_cookie_that_somebody_made_up(house: House) -> None:
    with house.browser() as browser:
        location = house.log_in(browser, "alice")
        sealed = browser.cookies["entrepot-sso"]
        for value in ("", "x", sealed[:-4], sealed[::-1], "\u00e9".encode().decode("latin-1")):
            headers = {"cookie": f"entrepot-sso={value}".encode("latin-1")}
            answer = httpx.get(location, headers=headers)  # type: ignore[arg-type]
            assert (answer.status_code, BEGIN in answer.text) == (403, True)


@pytest.mark.parametrize("error", ["access_denied", "<script>alert(1)</script>", "x" * 2000])
def test_the_provider_says_no(house: House, error: str) -> None:
    with house.browser() as browser:
        state = dict(parse_qsl(urlsplit(house.log_in(browser, "alice")).query))["state"]
        elsewhere = browser.get(f"{house.sso}/callback", params={"error": error, "state": "x"})
        assert BEGIN in elsewhere.text
        answer = browser.get(f"{house.sso}/callback", params={"error": error, "state": state})
    assert answer.status_code == 403
    assert "<script" not in answer.text
    assert ("access_denied" in answer.text) == (error == "access_denied")


def test_a_name_that_is_another_s_is_not_taken_over(house: House) -> None:
    token = Accounts(house.registry.data).user("carol", "admin:*")
    house.provider.account("c-17", preferred_username="Carol", email="carol@example.com")
    page = house.sign_on("c-17")
    assert page.status_code == 403
    identity = f"{house.provider.url}|c-17"
    assert f"entrepot user link carol --identity '{identity}'" in html.unescape(page.text)
    assert house.admin.get("/users/carol").json()["identity"] is None

    taken = house.admin.patch("/users/bystander", json={"identity": identity})
    assert taken.status_code == 404
    assert house.admin.patch("/users/carol", json={"identity": identity}).status_code == 200
    assert "You are carol" in house.sign_on("c-17").text
    assert httpx.get(f"{house.registry.url}/v2/", auth=token.pair).status_code == 200
    Accounts(house.registry.data).user("carol-2")
    twice = house.admin.patch("/users/carol-2", json={"identity": identity})
    assert twice.status_code == 409
    assert house.admin.patch("/users/carol", json={"identity": None}).status_code == 200
    assert house.sign_on("c-17").status_code == 403


@pytest.mark.parametrize("identity", ["", "alice", "|alice", "https://issuer|", 1, "x" * 2000])
def test_what_is_no_identity(house: House, identity: Any) -> None:
    assert house.admin.patch("/users/admin", json={"identity": identity}).status_code == 422


def test_an_e_mail_address_opens_nothing(house: House) -> None:
    Accounts(house.registry.data).user("dave", "admin:*")
    house.admin.patch("/users/dave", json={"email": "dave@example.com"})
    claims = {"email": "dave@example.com", "email_verified": True}
    house.provider.account("thief", **claims)
    assert "You are dave@example.com" in house.sign_on("thief").text
    house.provider.account("thief-2", **claims, preferred_username="thief-2")
    assert "You are thief-2" in house.sign_on("thief-2").text
    house.provider.account("thief-3", **claims)
    assert "there is a user dave@example.com here already" in house.sign_on("thief-3").text
    assert house.admin.get("/users/dave").json()["identity"] is None
    with httpx.Client(base_url=f"{house.registry.url}/api/v1") as client:
        client.headers["authorization"] = f"Bearer {house.token('thief')}"
        assert client.get("/session").json()["subject"] == "user:dave@example.com"
        assert client.get("/users").status_code == 403


def test_a_name_that_changes_at_the_provider_changes_nothing_here(house: House) -> None:
    house.provider.account("f-1", preferred_username="frank")
    assert "You are frank" in house.sign_on("f-1").text
    house.provider.account("f-1", preferred_username="admin")
    assert "You are frank" in house.sign_on("f-1").text
    house.provider.account("f-2", preferred_username="frank")
    assert house.sign_on("f-2").status_code == 403


def test_groups_follow_the_provider(house: House) -> None:
    house.provider.account("grace", preferred_username="grace", groups=["dev"])
    secret = house.token("grace")
    assert house.scope(secret) == "repository:team/app:pull,push"
    house.provider.account("grace", preferred_username="grace", groups=[])
    assert "You are grace" in house.sign_on("grace").text
    for _ in range(6):  # in either process
        assert house.scope(secret) == ""
    house.admin.put("/groups/dev/members/grace")
    assert "You are grace" in house.sign_on("grace").text
    assert house.scope(secret) != "", "an admin put her into the group"


def test_whoever_is_disabled_stays_out(house: House) -> None:
    house.provider.account("heidi", preferred_username="heidi", groups=["dev"])
    secret = house.token("heidi")
    code, verifier = house.command_line("heidi")
    with house.browser() as browser:
        page = browser.get(house.log_in(browser, "heidi"))
        assert house.admin.patch("/users/heidi", json={"disabled": True}).status_code == 200
        pressed = press(browser, page)
        assert (pressed.status_code, "disabled" in pressed.text) == (403, True)
    assert "disabled" in house.exchange(code, verifier).json()["detail"]
    assert "this account is disabled" in house.sign_on("heidi").text
    assert httpx.get(f"{house.registry.url}/v2/", auth=("heidi", secret)).status_code == 401


def test_nobody_who_signs_on_has_a_password(house: House) -> None:
    house.sign_on("bob")
    for password in ("", "any", "None"):
        auth = ("bob@example.com", password)
        assert httpx.get(f"{house.registry.url}/v2/", auth=auth).status_code in (401, 429)


def test_it_is_written_down(house: House) -> None:
    house.provider.account("ivan", preferred_username="ivan", groups=["dev"])
    house.token("ivan")
    house.provider.account("ivan", preferred_username="ivan", email="ivan@example.com")
    house.sign_on("ivan")

    def actions() -> set[str]:
        return {entry.action for entry in house.audit(actor="user:ivan")}

    until(lambda: "login" in actions())
    made = house.audit(actor="user:ivan", action="user create")
    assert [entry.reference for entry in made] == ["user:ivan"]
    assert made[0].detail["identity"] == f"{house.provider.url}|ivan"
    changes = [entry.detail for entry in house.audit(actor="user:ivan", action="user change")]
    assert {"groups": [], "before": ["dev"], "email": "ivan@example.com"} in changes
    logins = house.audit(actor="user:ivan", action="login")
    assert {entry.via for entry in logins} == {"single sign-on"}
    tokens = house.audit(actor="user:ivan", action="token create")
    assert [entry.via for entry in tokens] == ["single sign-on"]
    house.sign_on("eve")
    denied = {"action": "login", "result": "denied"}
    until(lambda: any("is no name" in each.detail["why"] for each in house.audit(**denied)))


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"port": 2345}, 422),
        ({"challenge": "x" * 43}, 422),
        ({"port": 80, "challenge": "x" * 43}, 422),
        ({"port": 70000, "challenge": "x" * 43}, 422),
        ({"port": 2345, "challenge": "x" * 42}, 422),
        ({"port": 2345, "challenge": "x" * 43}, 303),
        ({}, 303),
    ],
    ids=str,
)
def test_where_it_begins(house: House, asked: dict[str, Any], status: int) -> None:
    assert httpx.get(f"{house.sso}/start", params=asked).status_code == status


@pytest.mark.parametrize(
    ("form", "status"),
    [(b"", 403), (b"code=" + b"x" * 100, 403), (b"\xff\xfe", 403), (b"a=b&" * 100, 403)],
    ids=["nothing", "unknown", "no text", "too many"],
)
def test_forms(house: House, form: bytes, status: int) -> None:
    assert httpx.post(f"{house.sso}/token", content=form).status_code == status
    assert httpx.get(f"{house.sso}/token").status_code == 405


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("without")
    with serving(folder, "own", dangerously_without_accounts=False) as served:
        yield served


@pytest.mark.parametrize(("method", "route"), ROUTES)
def test_where_it_is_not_set_up(without: Served, method: str, route: str) -> None:
    body = {"code": "x", "verifier": "y"} if route == "exchange" else None
    answer = without.client.request(method, f"/api/v1/sso/{route}", json=body)
    assert answer.status_code == 404
    assert "ENTREPOT_SSO_ISSUER" in answer.json()["detail"]


def test_over_https_cookies_are_the_host_s_own(tmp_path: Path, house: House) -> None:
    first_start(tmp_path)
    with serving(
        tmp_path,
        "own",
        dangerously_without_accounts=False,
        outbound_allow="127.0.0.0/8",
        public_url="https://registry.test",
        sso_issuer=house.provider.url,
        sso_client_id="registry",
    ) as served:
        answer = served.client.get("/api/v1/sso/start")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-entrepot-sso=")
    for attribute in ("Secure", "HttpOnly", "SameSite=lax", "Path=/", "Max-Age=600"):
        assert attribute in cookie
    asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert asked["redirect_uri"] == "https://registry.test/api/v1/sso/callback"


def test_a_provider_that_is_down(tmp_path: Path) -> None:
    with serving(
        tmp_path,
        "own",
        dangerously_without_accounts=False,
        sso_issuer="https://127.0.0.1:1",
        sso_client_id="registry",
    ) as served:
        answer = served.client.get("/api/v1/sso/start")
    assert answer.status_code == 503
    assert "cannot be had now" in answer.text
