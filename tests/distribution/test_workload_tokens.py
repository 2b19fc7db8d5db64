"""A workload's own token in place of a password, in each way in which clients send one."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from tests.auth.oidc.elsewhere import CA
from tests.auth.oidc.issuing import AUDIENCE, KEY, STRANGER, Issuing, claims, issuing, public, sign
from tests.auth.oidc.platforms import DETAILS, GITHUB, KUBERNETES
from tests.content import put_image
from tests.registry import Registry, serving

from entrepot.db import engine, entries
from entrepot.db.entries import Entry, Wanted

PASSWORD = "correct horse battery"
CLUSTER = "https://kubernetes.default.svc.cluster.local"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
SCOPE = "repository:team/app:pull,push"


@pytest.fixture(scope="module")
def party() -> Iterator[Issuing]:
    """An issuer with a private CA in a private network."""
    with issuing() as found:
        yield found


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with serving(
        tmp_path_factory.mktemp("workloads"),
        dangerously_without_accounts=False,
        admin_password=PASSWORD,
        outbound_allow="127.0.0.0/8",
        workers=2,
    ) as registry:
        yield registry


@pytest.fixture(scope="module")
def admin(registry: Registry, party: Issuing) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{registry.url}/api/v1", auth=("admin", PASSWORD)) as client:
        for issuer in ({"url": party.party.url, "ca": CA}, {"url": CLUSTER, "jwks": public(KEY)}):
            assert client.put("/issuers", json=issuer).status_code == 200
        rule(client, "team", CLUSTER, {"sub": "system:serviceaccount:team-*:*"}, "writer:team/*")
        rule(client, "found", party.party.url, {"repository": "octo/*"}, "reader:team/*")
        yield client


def rule(admin: httpx.Client, name: str, issuer: str, of: dict[str, str], *granted: str) -> None:
    given = [dict(zip(("role", "pattern"), each.split(":"), strict=True)) for each in granted]
    wanted = {"issuer": issuer, "audience": AUDIENCE, "claims": of, "grants": given}
    answer = admin.put(f"/trusts/{name}", json=wanted)
    assert answer.status_code == 200, answer.text


@pytest.fixture
def client(registry: Registry, admin: httpx.Client) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=registry.url) as client:
        yield client


def pod(**changes: Any) -> str:
    return sign(claims(CLUSTER, **{**KUBERNETES, **changes}))


def by_exchange(client: httpx.Client, token: str) -> httpx.Response:
    form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": JWT}
    return client.post("/token", data={**form, "scope": SCOPE, "access_type": "offline"})


def by_basic(client: httpx.Client, token: str) -> httpx.Response:
    asked = {"scope": SCOPE, "offline_token": "true"}
    return client.get("/token", params=asked, auth=("anything", token))


def by_password(client: httpx.Client, token: str) -> httpx.Response:
    form = {"grant_type": "password", "username": "x", "password": token}
    return client.post("/token", data={**form, "scope": SCOPE, "access_type": "offline"})


Way = Callable[[httpx.Client, str], httpx.Response]
WAYS: dict[str, Way] = {"exchange": by_exchange, "basic": by_basic, "password": by_password}


each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def eventually(registry: Registry, wanted: Wanted, detail: dict[str, str]) -> Entry:
    """A row of the audit, once those of the last second are written."""
    for _ in range(600):
        with closing(engine.connect_to_read(registry.data)) as db:
            found = entries.page(db, wanted, None, 500).entries
        for entry in found:
            if detail.items() <= entry.detail.items():
                return entry
        time.sleep(0.1)
    raise AssertionError(f"no {wanted} with {detail}: {found}")


@each_way
def test_a_token_is_traded(client: httpx.Client, registry: Registry, way: Way) -> None:
    answer = way(client, pod())
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["scope"] == "repository:team/app:pull,push"
    assert found["token"] == found["access_token"]
    assert 0 < found["expires_in"] <= 300
    assert "refresh_token" not in found
    bearer = {"authorization": f"Bearer {found['token']}"}
    with httpx.Client(base_url=registry.url, headers=bearer) as pusher:
        put_image(pusher, "team/app", way.__name__)
        assert pusher.get(f"/v2/team/app/manifests/{way.__name__}").status_code == 200
        assert pusher.get("/v2/other/app/manifests/1").status_code == 401


def test_a_token_as_the_password_of_every_request(registry: Registry, admin: httpx.Client) -> None:
    with httpx.Client(base_url=registry.url, auth=("anything", pod())) as client:
        assert client.get("/v2/").status_code == 200
        put_image(client, "team/plain", "1")
        for _ in range(3):  # the second and third are answered at once
            assert client.get("/v2/team/plain/manifests/1").status_code == 200
        assert client.get("/v2/other/app/manifests/1").status_code == 403
        assert client.get("/api/v1/session").json()["subject"] == "workload:team"
        assert client.post("/api/v1/session", json={}).status_code == 403


@each_way
def test_an_issuer_found_by_discovery(client: httpx.Client, party: Issuing, way: Way) -> None:
    found = way(client, party.token(**GITHUB))
    assert found.status_code == 200, found.text
    assert found.json()["scope"] == "repository:team/app:pull"


@each_way
def test_a_registry_token_does_not_outlive_the_workload_s(client: httpx.Client, way: Way) -> None:
    now = int(time.time())
    found = way(client, pod(exp=now + 40)).json()
    assert 1 <= found["expires_in"] <= 40
    bearer = {"authorization": f"Bearer {found['token']}"}
    again = client.get("/token", params={"scope": SCOPE, "offline_token": "true"}, headers=bearer)
    assert not again.json().keys() & {"token", "refresh_token"}, "it makes no other token"


@each_way
def test_a_token_in_its_last_seconds_of_grace(client: httpx.Client, way: Way) -> None:
    assert way(client, pod(exp=int(time.time()) - 1)).json()["expires_in"] == 1


@each_way
@pytest.mark.parametrize(
    ("make", "why"),
    [  # made by the test itself: they end soon, and collecting all tests may be long ago
        (lambda: pod(exp=int(time.time()) - 60), "has expired"),
        (lambda: pod(aud="other"), "another audience"),
        (lambda: pod(sub="system:serviceaccount:kube-system:x"), "no rule here says whom"),
        (lambda: pod(iss="https://elsewhere.example.com"), "not trusted here"),
        (lambda: sign(claims(CLUSTER, **KUBERNETES), STRANGER), "signature is wrong"),
    ],
    ids=["expired", "audience", "claims", "issuer", "forged"],
)
def test_tokens_that_are_refused(
    client: httpx.Client, registry: Registry, way: Way, make: Callable[[], str], why: str
) -> None:
    token = make()
    answer = way(client, token)
    assert answer.status_code == 401
    assert why in answer.json()["errors"][0]["message"]
    assert "team" not in answer.text
    assert client.get("/v2/", auth=("x", token)).status_code == 401
    found = eventually(registry, Wanted(action="login", result="denied"), {})
    assert found.via == "workload token"
    assert token not in registry.log.read_text()


def test_a_refusal_is_written_down_with_its_reason(
    client: httpx.Client, registry: Registry
) -> None:
    client.headers["user-agent"] = "of this test"  # so that it is like no other refusal
    by_exchange(client, pod(sub="system:serviceaccount:default:x"))
    wanted = {
        "why": "rule team: sub is 'system:serviceaccount:default:x', "
        "not 'system:serviceaccount:team-*:*'",
        "pod": "build-7c9",
    }
    assert (
        eventually(registry, Wanted(action="login", result="denied"), wanted).via
        == "workload token"
    )


@pytest.mark.parametrize(("said", "details"), DETAILS.values(), ids=DETAILS)
def test_the_audit_says_where_it_came_from(
    admin: httpx.Client, registry: Registry, said: dict[str, Any], details: dict[str, str]
) -> None:
    name = details.get("pipeline") or details.get("run") or "pods"
    rule(admin, f"audited-{name}", CLUSTER, {"sub": said["sub"]}, "writer:audited/*")
    token = sign(claims(CLUSTER, **said))
    answer = httpx.post(
        f"{registry.url}/token",
        data={
            "grant_type": EXCHANGE,
            "subject_token": token,
            "scope": f"repository:audited/{name}:pull,push",
        },
    )
    bearer = {"authorization": f"Bearer {answer.json()['token']}"}
    with httpx.Client(base_url=registry.url, headers=bearer) as client:
        put_image(client, f"audited/{name}", "1")
        assert client.get(f"/v2/audited/{name}/manifests/1").status_code == 200
    for action in ("login", "pushed", "pull"):
        wanted = Wanted(action=action, actor=f"workload:audited-{name}")
        found = eventually(registry, wanted, details)
        assert found.via == "workload token"
    assert token not in registry.log.read_text()


def test_a_rule_that_is_gone_stops_new_tokens_in_all_processes(
    admin: httpx.Client, registry: Registry
) -> None:
    token = pod(sub="gone")
    for _ in range(5):
        rule(admin, "gone", CLUSTER, {"sub": "gone"}, "reader:team/*")
        for ask in WAYS.values():
            with httpx.Client(base_url=registry.url) as client:  # either of the processes
                assert ask(client, token).status_code == 200
                assert client.get("/v2/", auth=("x", token)).status_code == 200
        assert admin.delete("/trusts/gone").status_code == 204
        for ask in WAYS.values():
            with httpx.Client(base_url=registry.url) as client:
                assert ask(client, token).status_code == 401
                assert client.get("/v2/", auth=("x", token)).status_code == 401


def test_a_grant_that_is_taken_back_counts_at_once(
    admin: httpx.Client, client: httpx.Client
) -> None:
    rule(admin, "revoked", CLUSTER, {"sub": "revoked"}, "reader:team/*")
    token = pod(sub="revoked")
    assert by_exchange(client, token).json()["scope"]
    grant = admin.get("/grants", params={"subject": "workload:revoked"}).json()["items"][0]
    assert admin.delete(f"/grants/{grant['id']}").status_code == 204
    assert by_exchange(client, token).json()["scope"] == ""


def test_a_project_that_wants_short_tokens(admin: httpx.Client, client: httpx.Client) -> None:
    assert admin.post("/projects", json={"name": "short", "longest_token": 3600}).status_code == 201
    rule(admin, "short", CLUSTER, {"sub": "short"}, "reader:short/*")
    now = int(time.time())
    for life, scope in ((1800, "repository:short/app:pull"), (7200, "")):
        token = pod(sub="short", iat=now, exp=now + life)
        form = {
            "grant_type": EXCHANGE,
            "subject_token": token,
            "scope": "repository:short/app:pull",
        }
        assert client.post("/token", data=form).json()["scope"] == scope


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, 400),
        ({"subject_token": ""}, 401),
        ({"subject_token": "entrepot_pat_x"}, 401),
        ({"subject_token_type": ""}, 200),
    ],
    ids=str,
)
def test_forms(client: httpx.Client, form: dict[str, str], status: int) -> None:
    good = {"grant_type": EXCHANGE, "subject_token": pod(), "subject_token_type": JWT}
    assert client.post("/token", data={**good, **form}).status_code == status
