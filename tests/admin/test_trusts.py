"""Trust rules over the admin API, and the test of a token against them."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.accounts import Accounts
from tests.auth.oidc.issuing import AUDIENCE, KEY, STRANGER, claims, public, sign
from tests.auth.oidc.platforms import KUBERNETES
from tests.served import Served

CLUSTER = "https://kubernetes.default.svc.cluster.local"
WRITER = {"role": "writer", "pattern": "team/*"}
RULE = {
    "issuer": CLUSTER,
    "audience": AUDIENCE,
    "claims": {"kubernetes.io/namespace": "team-*"},
    "grants": [WRITER],
}


@pytest.fixture(autouse=True)
def issuer(admin: httpx.Client) -> Iterator[None]:
    """Each test begins with an issuer, and ends without one."""
    admin.put("/issuers", json={"url": CLUSTER, "jwks": public(KEY)})
    yield
    admin.delete("/issuers", params={"url": CLUSTER})


def grants(admin: httpx.Client, subject: str) -> list[str]:
    found = admin.get("/grants", params={"subject": subject}).json()["items"]
    return [f"{each['role']}:{each['pattern']}" for each in found]


def test_a_rule_comes_with_its_grants_and_goes_with_them(admin: httpx.Client) -> None:
    made = admin.put("/trusts/team", json=RULE)
    assert made.status_code == 200
    assert made.json().items() >= RULE.items()
    assert grants(admin, "workload:team") == ["writer:team/*"]

    more = {**RULE, "claims": {"sub": "x"}, "grants": [{"role": "reader", "pattern": "base/*"}]}
    changed = admin.put("/trusts/team", json=more).json()
    assert changed["claims"] == {"sub": "x"}
    assert grants(admin, "workload:team") == ["writer:team/*", "reader:base/*"]
    assert admin.get("/trusts/team").json() == changed
    assert admin.get("/trusts").json() == {"items": [changed], "next": None}

    assert admin.delete("/trusts/team").status_code == 204
    assert admin.delete("/trusts/team").status_code == 404
    assert admin.get("/trusts/team").status_code == 404
    assert grants(admin, "workload:team") == []


def test_an_issuer_goes_with_its_rules(admin: httpx.Client) -> None:
    admin.put("/trusts/team", json=RULE)
    admin.delete("/issuers", params={"url": CLUSTER})
    assert admin.get("/trusts").json()["items"] == []
    assert grants(admin, "workload:team") == []


def test_lost_updates(admin: httpx.Client) -> None:
    first = admin.put("/trusts/team", json=RULE).headers["etag"]
    second = admin.put("/trusts/team", json={**RULE, "audience": "b"}, headers={"if-match": first})
    assert second.status_code == 200
    assert admin.get("/trusts/team").headers["etag"] == second.headers["etag"]
    late = {"if-match": first}
    assert admin.put("/trusts/team", json=RULE, headers=late).status_code == 412
    assert admin.delete("/trusts/team", headers=late).status_code == 412
    assert admin.put("/trusts/none", json=RULE, headers=late).status_code == 404
    assert admin.get("/trusts/team").json()["audience"] == "b"


@pytest.mark.parametrize(
    ("name", "change", "status", "why"),
    [
        ("team", {"issuer": "https://elsewhere.example.com"}, 404, "there is no issuer"),
        ("team", {"claims": {}}, 422, "claims"),
        ("team", {"claims": {"": "x"}}, 422, "claims"),
        ("team", {"claims": {"sub": ""}}, 422, "claims"),
        ("team", {"claims": {"sub": 1}}, 422, "claims"),
        ("team", {"claims": {"sub": "x" * 1025}}, 422, "claims"),
        ("team", {"audience": ""}, 422, "audience"),
        ("team", {"grants": [{"role": "king", "pattern": "*"}]}, 422, "role"),
        ("team", {"grants": [{"role": "admin", "pattern": "team/*"}]}, 422, "give it on *"),
        ("team", {"grants": [{"role": "reader", "pattern": "../x"}]}, 422, "no pattern"),
        ("Team", {}, 422, "no name"),
    ],
    ids=str,
)
def test_what_is_no_rule(
    admin: httpx.Client, name: str, change: dict[str, Any], status: int, why: str
) -> None:
    answer = admin.put(f"/trusts/{name}", json={**RULE, **change})
    assert answer.status_code == status, answer.text
    assert why in answer.json()["detail"]
    assert admin.get("/trusts").json()["items"] == []
    assert grants(admin, f"workload:{name}") == []


def test_a_limited_token_gives_no_more_than_it_has(
    administered: Served, admin: httpx.Client
) -> None:
    secret = Accounts(administered.folder).token("admin", "admin:team/*", name="limited").secret
    headers = {"authorization": f"Bearer {secret}"}
    url = f"{administered.url}/api/v1/trusts/team"
    assert httpx.put(url, json=RULE, headers=headers).status_code == 403
    assert admin.get("/trusts").json()["items"] == []


def token(key: Any = KEY, **changes: Any) -> str:
    return sign(claims(CLUSTER, **{**KUBERNETES, **changes}), key)


PROBES: dict[str, tuple[Callable[[], str], bool, str, list[tuple[str, bool, str]]]] = {
    "it matches": (
        token,
        True,
        "",
        [("other", False, "sub is 'system:s"), ("team", True, "")],
    ),
    "another namespace": (
        lambda: token(**{"kubernetes.io": {"namespace": "b"}}),
        False,
        "",
        [
            ("other", False, "sub is"),
            ("team", False, "kubernetes.io/namespace is 'b', not 'team-*'"),
        ],
    ),
    "another audience": (
        lambda: token(aud="else"),
        False,
        "the token is not good: it is for another audience",
        [("other", False, "aud is 'else'"), ("team", False, f"aud is 'else', not '{AUDIENCE}'")],
    ),
    "expired": (
        lambda: token(exp=int(time.time()) - 60),
        False,
        "the token has expired",
        [("other", False, "sub is"), ("team", True, "")],
    ),
    "forged": (
        lambda: token(STRANGER),
        False,
        "the token's signature is wrong",
        [("other", False, "sub is"), ("team", True, "")],
    ),
    "another issuer": (
        lambda: token(iss="https://elsewhere.example.com"),
        False,
        "the token's issuer is not trusted here",
        [],
    ),
}


@pytest.mark.parametrize(("make", "good", "why", "verdicts"), PROBES.values(), ids=PROBES)
def test_why_a_token_matches_or_does_not(
    admin: httpx.Client,
    make: Callable[[], str],
    good: bool,
    why: str,
    verdicts: list[tuple[str, bool, str]],
) -> None:
    admin.put("/trusts/team", json=RULE)
    admin.put("/trusts/other", json={**RULE, "claims": {"sub": "nobody"}})
    text = make()
    found = admin.post("/trusts/test", json={"token": text}).json()
    assert (found["good"], found["why"]) == (good, why)
    assert found["says"]["pod" if "namespace is 'b'" not in str(verdicts) else "namespace"]
    assert [(each["rule"], each["matches"]) for each in found["rules"]] == [
        (rule, matches) for rule, matches, _ in verdicts
    ]
    for each, (_, _, expected) in zip(found["rules"], verdicts, strict=True):
        assert expected in each["why"]
    assert text.rpartition(".")[2] not in str(found)


@pytest.mark.parametrize("text", ["", "nonsense", "a.b.c", "x" * 20_000, token() + "."])
def test_what_is_no_token(admin: httpx.Client, text: str) -> None:
    answer = admin.post("/trusts/test", json={"token": text})
    assert answer.status_code == 422
    assert text not in answer.text or not text


def test_a_controller_reports_by_its_own_token(admin: httpx.Client, administered: Served) -> None:
    """As `entrepot kube connect` sets it up; whatever other rules mean it, too."""
    reporter = {"role": "reporter", "pattern": "*"}
    rule = {**RULE, "claims": {"sub": KUBERNETES["sub"]}, "grants": [reporter]}
    assert admin.put("/trusts/kube.prod.b", json=rule).status_code == 200
    narrow = {**rule, "grants": [{**reporter, "pattern": "team/*"}]}
    assert admin.put("/trusts/kube.prod.c", json=narrow).status_code == 422
    shown = ("controller", sign(claims(CLUSTER, **KUBERNETES)))
    path = f"{administered.url}/api/v1/clusters/prod/images"
    for more in ("", "kube.prod.a"):
        if more:
            reader = {**rule, "grants": [{"role": "reader", "pattern": "*"}]}
            assert admin.put(f"/trusts/{more}", json=reader).status_code == 200
        answer = httpx.put(path, json={"images": []}, auth=shown)
        assert answer.status_code == 200, answer.text
        assert answer.json()["reported_by"] == "workload:kube.prod.b"
    [row] = admin.get("/audit", params={"action": "cluster connect"}).json()["items"]
    assert row["actor"] == "workload:kube.prod.b"
    assert admin.delete("/clusters/prod").status_code == 204
