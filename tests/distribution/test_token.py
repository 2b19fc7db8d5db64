"""The token endpoint, asked as docker, containerd and containers/image ask it."""

import base64
import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from tests.accounts import Accounts, Credential, first_start
from tests.content import put_image
from tests.served import Served, name, serving

from entrepot.auth.secrets import PATTERN

PASSWORD = "correct horse battery"
APP, WEB, OTHER, OPEN = "team/app", "team/web", "other/app", "open/app"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("token")
    first_start(folder)
    with serving(folder, "own", dangerously_without_accounts=False) as served:
        accounts = Accounts(folder)
        accounts.project("open", public=True)
        accounts.user("alice", "writer:team/*", password=PASSWORD)
        boss = accounts.user("boss", "maintainer:*")
        with httpx.Client(base_url=served.url, auth=boss.pair) as client:
            for repository in (APP, WEB, OTHER, OPEN):
                put_image(client, repository, "1", repository.encode())
        yield served


@pytest.fixture(scope="module")
def accounts(served: Served) -> Accounts:
    return Accounts(served.folder)


ALICE = Credential("alice", PASSWORD)


def get(
    served: Served, *scopes: str, who: Credential | None = ALICE, **more: str
) -> httpx.Response:
    """As docker and containers/image ask: Basic, and the rest in the query."""
    auth = httpx.BasicAuth(*who.pair) if who else None
    query = {"service": "entrepot", "scope": list(scopes), **more}
    return served.client.get("/token", params=query, auth=auth)


def post(served: Served, *scopes: str, **form: str) -> httpx.Response:
    """As OAuth 2 has it: a form."""
    pairs = [("service", "entrepot"), *form.items(), *(("scope", scope) for scope in scopes)]
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return served.client.post("/token", content=urlencode(pairs), headers=headers)


def password(served: Served, *scopes: str, who: Credential = ALICE, **more: str) -> httpx.Response:
    """As containerd asks."""
    return post(
        served,
        *scopes,
        grant_type="password",
        client_id="containerd-client",
        username=who.name,
        password=who.secret,
        **more,
    )


def access(answer: httpx.Response) -> dict[str, list[str]]:
    """By repository, what the token in an answer carries."""
    assert answer.status_code == 200, answer.text
    payload = answer.json()["token"].split(".")[1]
    claims: dict[str, Any] = json.loads(
        base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    )
    return {each["name"]: each["actions"] for each in claims["access"]}


def scope(repository: str, actions: str) -> str:
    return f"repository:{repository}:{actions}"


ASKED = [
    ([scope(APP, "pull")], {APP: ["pull"]}),
    ([scope(APP, "pull,push")], {APP: ["pull", "push"]}),
    ([scope(APP, "push,pull")], {APP: ["pull", "push"]}),
    ([scope(APP, "pull,push,delete")], {APP: ["pull", "push"]}),
    ([scope(APP, "*")], {APP: ["pull", "push"]}),
    ([scope(APP, "delete")], {}),
    ([scope(APP, "pull"), scope(WEB, "pull")], {APP: ["pull"], WEB: ["pull"]}),
    ([f"{scope(APP, 'pull')} {scope(WEB, 'pull')}"], {APP: ["pull"], WEB: ["pull"]}),
    (
        [f"{scope(APP, 'pull')} {scope(WEB, 'pull')}", scope(APP, "push")],
        {APP: ["pull", "push"], WEB: ["pull"]},
    ),
    ([scope(APP, "pull"), scope(APP, "pull")], {APP: ["pull"]}),
    ([scope(APP, "pull,push"), scope(OTHER, "pull")], {APP: ["pull", "push"]}),
    ([scope(OPEN, "pull,push")], {OPEN: ["pull"]}),
    ([scope("nowhere/app", "pull")], {}),
    ([f"repository(plugin):{APP}:pull"], {APP: ["pull"]}),
    ([], {}),
    ([""], {}),
    (["  "], {}),
    (["registry:catalog:*"], {"catalog": ["*"]}),
    (["registry:catalog:pull", "plugin:x:pull", "pull", "::", "repository::pull"], {}),
    ([scope(APP, "fly"), scope(APP, ""), scope(APP, ","), scope("Not A Name", "pull")], {}),
    ([scope("../etc", "pull"), scope("*", "pull"), scope("team/*", "pull")], {}),
    (
        [scope(f"team/{number}", "pull") for number in range(50)],
        {f"team/{n}": ["pull"] for n in range(50)},
    ),
    (
        [" ".join(scope(f"team/{number}", "pull") for number in range(150))],
        {f"team/{number}": ["pull"] for number in range(100)},
    ),
]


def short(value: object) -> str | None:
    return " & ".join(value)[:80] or "none" if isinstance(value, list) else None


@pytest.mark.parametrize("ask", [get, password], ids=["GET", "POST"])
@pytest.mark.parametrize(("scopes", "granted"), ASKED, ids=short)
def test_what_one_may_have_of_what_one_asks(
    served: Served, scopes: list[str], granted: dict[str, list[str]], ask: Any
) -> None:
    """The rest is left out; the request is not refused."""
    assert access(ask(served, *scopes)) == granted


@pytest.mark.parametrize("ask", [get, password], ids=["GET", "POST"])
def test_answer(served: Served, ask: Any) -> None:
    answer = ask(served, scope(APP, "pull,push"))
    document = answer.json()
    issued = time.strptime(document["issued_at"], "%Y-%m-%dT%H:%M:%SZ")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("application/json")
    assert document["token"] == document["access_token"]
    assert document["token_type"] == "Bearer"
    assert document["expires_in"] == 300  # clients take 60 for less, and for none
    assert abs(time.mktime(issued) - time.mktime(time.gmtime())) < 60
    assert document["scope"] == scope(APP, "pull,push")
    assert "refresh_token" not in document


@pytest.mark.parametrize("scopes", [[], [scope(OPEN, "pull,push"), scope(APP, "pull")]], ids=short)
def test_without_a_login(served: Served, scopes: list[str]) -> None:
    """Anyone gets a token; it is good for what anyone may pull."""
    answer = get(served, *scopes, who=None)
    assert access(answer) == ({OPEN: ["pull"]} if scopes else {})
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert served.client.get(f"/v2/{OPEN}/manifests/1", headers=bearer).status_code == 200
    for path in ("/v2/", f"/v2/{APP}/manifests/1"):
        assert served.client.get(path, headers=bearer).status_code == 401


WRONG = [
    Credential("alice", "wrong password"),
    Credential("alice", ""),
    Credential("somebody", PASSWORD),
    Credential("", PASSWORD),
    Credential("alice", f"entrepot_pat_{'0' * 49}"),
    Credential("alice", "eyJhbGciOiJub25lIn0.e30."),
]


@pytest.mark.parametrize("ask", [get, password], ids=["GET", "POST"])
@pytest.mark.parametrize("who", WRONG, ids=lambda who: f"{who.name}:{who.secret[:16]}")
def test_what_is_not_good(
    tmp_path_factory: pytest.TempPathFactory, who: Credential, ask: Any
) -> None:
    """401, and nothing that tells a wrong name from a wrong password."""
    folder = tmp_path_factory.mktemp("wrong")
    first_start(folder)
    Accounts(folder).user("alice", password=PASSWORD)
    with serving(folder, "own", dangerously_without_accounts=False) as served:
        answer = ask(served, scope(APP, "pull"), who=who)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"
    assert who.secret not in answer.text or not who.secret
    assert answer.headers["www-authenticate"].startswith("Bearer realm=")


AT_ONCE = 40
"""More than the throttle lets fail, by account and by address."""


@pytest.mark.parametrize("ask", [get, password], ids=["GET", "POST"])
def test_many_at_once_with_one_password(served: Served, accounts: Accounts, ask: Any) -> None:
    crowd = accounts.user(name("crowd"), "reader:team/*")
    with ThreadPoolExecutor(AT_ONCE) as threads:
        asked = [threads.submit(ask, served, scope(APP, "pull"), who=crowd) for _ in range(AT_ONCE)]
    assert [each.result().status_code for each in asked] == [200] * AT_ONCE


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 400),
        ({"grant_type": "client_credentials"}, 400),
        ({"grant_type": "refresh_token"}, 401),
        ({"grant_type": "refresh_token", "refresh_token": "entrepot_ref_x"}, 401),
        ({"grant_type": "refresh_token", "refresh_token": PASSWORD}, 401),
        ({"grant_type": "password", "username": "alice"}, 401),
    ],
)
def test_forms_that_give_nothing(served: Served, form: dict[str, str], status: int) -> None:
    """400, 401: containerd then tries GET with Basic."""
    assert post(served, scope(APP, "pull"), **form).status_code == status


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"a&" * 300, b"=" * 70_000],
    ids=["empty", "bytes", "many", "long"],
)
def test_bodies_that_are_no_form(served: Served, content: bytes) -> None:
    assert served.client.post("/token", content=content).status_code in {400, 413}


def test_password_of_a_secret_needs_no_name(served: Served, accounts: Accounts) -> None:
    """With an empty user name containerd sends it as a refresh token."""
    for who in (accounts.token("alice", name="ci"), accounts.robot("bot", "writer:team/*")):
        answer = post(
            served, scope(APP, "pull"), grant_type="refresh_token", refresh_token=who.secret
        )
        assert access(answer) == {APP: ["pull"]}
        assert access(get(served, scope(APP, "pull"), who=who)) == {APP: ["pull"]}
        assert access(password(served, scope(APP, "pull"), who=who)) == {APP: ["pull"]}


def test_a_limited_token_gives_no_more(served: Served, accounts: Accounts) -> None:
    limited = accounts.token("alice", f"reader:{APP}", name="limited")
    asked = scope(APP, "pull,push"), scope(WEB, "pull")
    assert access(get(served, *asked, who=limited)) == {APP: ["pull"]}
    refresh = get(served, who=limited, offline_token="true").json()["refresh_token"]
    again = post(served, *asked, grant_type="refresh_token", refresh_token=refresh)
    assert access(again) == {APP: ["pull"]}


def refreshed(served: Served, answer: httpx.Response) -> int:
    """What becomes of the refresh token in an answer."""
    text = answer.json()["refresh_token"]
    again = post(
        served,
        scope(APP, "pull"),
        grant_type="refresh_token",
        refresh_token=text,
        client_id="docker",
    )
    assert again.status_code != 200 or access(again) == {APP: ["pull"]}
    assert again.status_code != 200 or again.json()["refresh_token"] == text
    return again.status_code


def offline(served: Served, way: str, who: Credential = ALICE) -> httpx.Response:
    """Ask for a refresh token, as `docker login` does."""
    if way == "GET":
        return get(served, who=who, offline_token="true", client_id="docker", account=who.name)
    return password(served, who=who, access_type="offline")


@pytest.mark.parametrize("way", ["GET", "POST"])
def test_refresh_token(served: Served, way: str) -> None:
    answer = offline(served, way)
    assert re.fullmatch(PATTERN, answer.json()["refresh_token"])
    assert refreshed(served, answer) == 200


@pytest.mark.parametrize("way", ["GET", "POST"])
def test_a_refresh_token_ends_with_the_password(
    served: Served, accounts: Accounts, way: str
) -> None:
    answer = offline(served, way, accounts.user(f"renewed-{way.lower()}", "writer:team/*"))
    assert refreshed(served, answer) == 200
    accounts.password(f"renewed-{way.lower()}", "another password")
    assert refreshed(served, answer) == 401


def test_a_refresh_token_is_for_the_token_endpoint_alone(served: Served) -> None:
    text = offline(served, "GET").json()["refresh_token"]
    assert served.client.get("/v2/", auth=("alice", text)).status_code == 401
    bearer = {"Authorization": f"Bearer {text}"}
    assert served.client.get("/v2/", headers=bearer).status_code == 401


def test_nobody_gets_a_refresh_token(served: Served) -> None:
    assert "refresh_token" not in get(served, who=None, offline_token="true").json()


def test_the_token_is_good_where_it_was_asked_for(served: Served) -> None:
    answer = get(served, scope(APP, "pull"))
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert served.client.get("/v2/", headers=bearer).status_code == 200
    assert served.client.get(f"/v2/{APP}/manifests/1", headers=bearer).status_code == 200
    for other in (WEB, OTHER):
        refused = served.client.get(f"/v2/{other}/manifests/1", headers=bearer)
        assert refused.status_code == 401
        assert f'scope="{scope(other, "pull")}"' in refused.headers["www-authenticate"]


def test_a_token_of_nobody_is_told_to_log_in(served: Served) -> None:
    """By a word of its own: insufficient_scope is for those who are known."""
    answer = get(served, scope(APP, "pull"), who=None)
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    refused = served.client.get(f"/v2/{APP}/manifests/1", headers=bearer)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].endswith(',error="login_required"')


def test_the_challenge_leads_to_the_token(served: Served) -> None:
    """What it says is where to go, and what to ask for."""
    refused = served.client.get(f"/v2/{APP}/manifests/1")
    realm, service, wanted = (
        part.partition("=")[2].strip('"')
        for part in refused.headers["www-authenticate"].removeprefix("Bearer ").split(",")
    )
    answer = httpx.get(realm, params={"service": service, "scope": wanted}, auth=ALICE.pair)
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert served.client.get(f"/v2/{APP}/manifests/1", headers=bearer).status_code == 200
