"""What a workload trades its token for where a password is wanted: it pulls, and nothing else."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from tests.auth.oidc.issuing import KEY, claims, public, sign
from tests.auth.oidc.platforms import DETAILS, KUBERNETES
from tests.content import put_image
from tests.distribution.test_workload_tokens import (
    CLUSTER,
    EXCHANGE,
    PASSWORD,
    by_exchange,
    eventually,
    rule,
)
from tests.registry import Registry, serving

from entrepot.auth import pull_tokens, tokens
from entrepot.auth.actor import Actor, Session
from entrepot.auth.keyring import make
from entrepot.db.entries import Wanted

REFRESH = "urn:ietf:params:oauth:token-type:refresh_token"
PULL = "repository:team/app:pull"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("pulls")
    with serving(
        folder, workers=2, dangerously_without_accounts=False, admin_password=PASSWORD
    ) as registry:
        with httpx.Client(base_url=registry.url, auth=("admin", PASSWORD)) as pusher:
            for name in ("team/app", "other/app"):
                put_image(pusher, name, "1")
        yield registry


@pytest.fixture(scope="module")
def admin(registry: Registry) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{registry.url}/api/v1", auth=("admin", PASSWORD)) as client:
        issuer = {"url": CLUSTER, "jwks": public(KEY)}
        assert client.put("/issuers", json=issuer).status_code == 200
        rule(client, "team", CLUSTER, {"sub": "system:serviceaccount:team-*:*"}, "owner:team/*")
        yield client


@pytest.fixture
def client(registry: Registry, admin: httpx.Client) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=registry.url) as client:
        yield client


def trade(client: httpx.Client, **changes: Any) -> httpx.Response:
    token = sign(claims(CLUSTER, **{**KUBERNETES, **changes}))
    form = {"grant_type": EXCHANGE, "subject_token": token, "requested_token_type": REFRESH}
    return client.post("/token", data=form)


def pull_token(client: httpx.Client, **changes: Any) -> str:
    answer = trade(client, **changes)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def may_pull(client: httpx.Client, token: str, repository: str = "team/app") -> bool:
    """As a container runtime does: for the scope, by the password, then with the answer."""
    asked = {"scope": f"repository:{repository}:pull"}
    answer = client.get("/token", params=asked, auth=("any", token))
    if answer.status_code == 401:
        return False
    bearer = {"authorization": f"Bearer {answer.json()['token']}"}
    path = f"/v2/{repository}/manifests/1"
    direct = client.get(path, auth=("any", token)).status_code == 200
    assert direct == (client.get(path, headers=bearer).status_code == 200)
    return direct


def test_it_is_as_rfc_8693_says(client: httpx.Client) -> None:
    answer = trade(client)
    found = answer.json()
    assert found["issued_token_type"] == REFRESH
    assert found["token_type"] == "N_A"
    assert 200 <= found["expires_in"] <= 300
    assert found.keys() == {"access_token", "issued_token_type", "token_type", "expires_in"}
    assert answer.headers["cache-control"] == "no-store"


def test_it_pulls_what_the_workload_may(client: httpx.Client) -> None:
    token = pull_token(client)
    assert may_pull(client, token)
    assert not may_pull(client, token, "other/app")


def test_it_is_good_for_pulls_alone(client: httpx.Client) -> None:
    """Whatever else the workload may: this one may push, delete and own."""
    token = pull_token(client)
    asked = {"scope": "repository:team/app:pull,push,delete", "offline_token": "true"}
    answer = client.get("/token", params=asked, auth=("any", token)).json()
    assert answer["scope"] == PULL
    assert "refresh_token" not in answer
    for method, path in (
        ("POST", "/v2/team/app/blobs/uploads/"),
        ("DELETE", "/v2/team/app/manifests/1"),
        ("POST", "/api/v1/tokens"),
        ("PATCH", "/api/v1/projects/team"),
    ):
        document = {"name": "x"} if "api" in path else None
        assert client.request(method, path, auth=("x", token), json=document).status_code == 403


def test_it_is_a_password_and_no_other_credential(client: httpx.Client) -> None:
    token = pull_token(client)
    bearer = {"authorization": f"Bearer {token}"}
    assert client.get("/v2/team/app/manifests/1", headers=bearer).status_code == 401
    for form in (
        {"grant_type": "refresh_token", "refresh_token": token},
        {"grant_type": EXCHANGE, "subject_token": token},
    ):
        assert client.post("/token", data=form).status_code == 401
    registry_token = by_exchange(client, sign(claims(CLUSTER, **KUBERNETES))).json()["token"]
    assert not may_pull(client, registry_token)


def test_it_ends_with_the_token_it_was_made_from(client: httpx.Client) -> None:
    now = int(time.time())
    assert 1 <= trade(client, exp=now + 40).json()["expires_in"] <= 40
    assert trade(client, iat=now, exp=now + 86400).json()["expires_in"] == pull_tokens.LONGEST
    token = pull_token(client, exp=now + 90)
    issued = client.get("/token", params={"scope": PULL}, auth=("any", token)).json()
    assert issued["expires_in"] <= 90
    end = int(time.time()) + 2
    token = pull_token(client, exp=end)
    over = max(end, time.time() + 1)  # it is good for a second, also where it was traded late
    while time.time() <= over:
        time.sleep(0.1)
    answer = client.get("/token", auth=("any", token))
    assert answer.status_code == 401
    assert "has expired" in answer.text


def test_a_changed_rule_ends_it(admin: httpx.Client, client: httpx.Client) -> None:
    made = {"sub": "changing"}
    rule(admin, "changing", CLUSTER, made, "reader:team/*")
    token = pull_token(client, sub="changing")
    assert may_pull(client, token)
    rule(admin, "changing", CLUSTER, made, "reader:team/*")
    assert may_pull(client, token), "nothing was changed"
    rule(admin, "changing", CLUSTER, {"sub": "chang*"}, "reader:team/*")
    assert not may_pull(client, token), "it might not be meant any more"
    token = pull_token(client, sub="changing")
    assert may_pull(client, token)
    assert admin.delete("/trusts/changing").status_code == 204
    assert not may_pull(client, token)


def test_a_grant_that_is_taken_back_counts_at_once(
    admin: httpx.Client, client: httpx.Client
) -> None:
    rule(admin, "revoked", CLUSTER, {"sub": "revoked"}, "reader:team/*")
    token = pull_token(client, sub="revoked")
    assert may_pull(client, token)
    [grant] = admin.get("/grants", params={"subject": "workload:revoked"}).json()["items"]
    assert admin.delete(f"/grants/{grant['id']}").status_code == 204
    assert not may_pull(client, token)


def test_the_audit_says_which_pod(client: httpx.Client, registry: Registry) -> None:
    _, details = DETAILS["kubernetes"]
    assert may_pull(client, pull_token(client))
    for action in ("login", "pull"):
        found = eventually(registry, Wanted(action=action, actor="workload:team"), details)
        assert found.via == "workload token"


@pytest.mark.parametrize("kind", ["urn:ietf:params:oauth:token-type:saml2", "refresh"])
def test_what_else_could_be_asked_for(client: httpx.Client, kind: str) -> None:
    token = sign(claims(CLUSTER, **KUBERNETES))
    form = {"grant_type": EXCHANGE, "subject_token": token, "requested_token_type": kind}
    answer = client.post("/token", data=form)
    assert answer.status_code == 400
    assert REFRESH in answer.text


def test_leeway_does_not_let_it_renew_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second of grace at each of two clocks would else make it endless."""
    now = [float(int(time.time()))]
    for module in (pull_tokens, tokens):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now[0]))
    keys = [make()]
    session = Session(Actor("workload:x", ("workload:x",)), ends=now[0] - 1)
    issued = pull_tokens.issue(session, [], keys)
    assert pull_tokens.read(issued.token, [], keys).ends == now[0] + 1
    now[0] += 1
    with pytest.raises(tokens.ExpiredError):
        pull_tokens.read(issued.token, [], keys)
