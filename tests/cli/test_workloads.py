"""`entrepot issuer` and `entrepot trust`, as the documents have them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.accounts import ADMIN, Accounts
from tests.auth.oidc.issuing import AUDIENCE, KEY, claims, public, sign
from tests.auth.oidc.platforms import KUBERNETES
from tests.cli.command import Done
from tests.registry import Registry, serving
from tests.warm import entrepot

CLUSTER = "https://kubernetes.default.svc.cluster.local"
ADD = (
    *("--issuer", CLUSTER, "--audience", AUDIENCE),
    *("--claim", "sub=system:serviceaccount:team-*:*", "--grant", "writer:team/*"),
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    with serving(
        folder, dangerously_without_accounts=False, admin_password=ADMIN.secret
    ) as registry:
        registry.settings["token"] = Accounts(registry.data).token("admin").secret
        yield registry


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.jwks"
    path.write_text(json.dumps(public(KEY)))
    return path


def command(registry: Registry, *arguments: str | Path, stdin: str = "") -> Done:
    return entrepot(
        *map(str, arguments),
        stdin=stdin,
        ENTREPOT_URL=registry.url,
        ENTREPOT_TOKEN=registry.settings["token"],
    )


def good(registry: Registry, *arguments: str | Path) -> str:
    done = command(registry, *arguments)
    assert done.status == 0, done.error
    return done.output


def test_from_an_issuer_to_a_rule_and_back(registry: Registry, jwks: Path) -> None:
    assert CLUSTER in good(registry, "issuer", "add", CLUSTER, "--jwks", jwks)
    assert "1 uploaded" in good(registry, "issuer", "list")
    assert "workload:builders" in good(registry, "trust", "add", "builders", *ADD)
    shown = json.loads(good(registry, "trust", "show", "builders", "--json"))
    assert shown["claims"] == {"sub": "system:serviceaccount:team-*:*"}
    assert shown["grants"] == [{"role": "writer", "pattern": "team/*"}]
    assert "writer:team/*" in good(registry, "trust", "list")
    assert good(registry, "can", "workload:builders", "push", "team/app").startswith("yes")

    probe = ("trust", "test", "--token-stdin")
    token = sign(claims(CLUSTER, **KUBERNETES))
    done = command(registry, *probe, stdin=f"{token}\n")
    assert done.status == 0
    assert "the token itself: good" in done.output
    assert "pod: build-7c9" in done.output
    assert "rule builders: it matches" in done.output
    other = sign(claims(CLUSTER, sub="other"))
    done = command(registry, *probe, stdin=other)
    assert done.status == 1
    assert "rule builders: sub is 'other', not" in done.output
    done = command(registry, *probe, "--json", stdin=other)
    assert (done.status, json.loads(done.output)["good"]) == (1, False)

    assert "is gone" in good(registry, "trust", "remove", "builders", "--yes")
    assert "is gone" in good(registry, "issuer", "remove", CLUSTER, "--yes")
    assert json.loads(good(registry, "issuer", "list", "--json")) == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["issuer", "add", CLUSTER, "--jwks", "not-there"], "cannot read not-there"),
        (["issuer", "add", CLUSTER, "--jwks", "/etc/passwd"], "is not JSON"),
        (["issuer", "add", "not an issuer"], "without a space"),
        (["issuer", "remove", CLUSTER, "--yes"], "there is no issuer"),
        (["issuer", "remove", CLUSTER], "Say --yes"),
        (["trust", "add", "x", *ADD], "add it first"),
        (["trust", "add", "x", *ADD, "--claim", "sub"], "--claim is 'sub': write"),
        (["trust", "add", "x", *ADD, "--claim", "sub=y"], "another claim"),
        (["trust", "add", "x", *ADD, "--grant", "reader"], "--grant is 'reader': write"),
        (["trust", "remove", "x", "--yes"], "there is no trust rule 'x'"),
        (["trust", "test"], "--token-stdin"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_goes_wrong(registry: Registry, arguments: list[str], why: str) -> None:
    done = command(registry, *arguments)
    assert done.status != 0
    assert why in done.error
