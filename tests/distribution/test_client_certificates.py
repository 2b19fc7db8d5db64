"""A client certificate is an identity: rules say whose, and grants what it may."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.content import put_image
from tests.registry import Registry, serving

from entrepot.auth.authority import Authority, Issued

PASSWORD = "correct horse"

Connect = Callable[[Issued], httpx.Client]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def ca() -> Authority:
    return Authority.new("tests")


@pytest.fixture(scope="module")
def registry(folder: Path, ca: Authority) -> Iterator[Registry]:
    server = ca.server(["127.0.0.1"])
    (folder / "ca.crt").write_bytes(ca.own.certificate_pem)
    (folder / "server.crt").write_bytes(server.certificate_pem + ca.own.certificate_pem)
    (folder / "server.key").write_bytes(server.key_pem)
    with serving(
        folder,
        dangerously_without_accounts=False,
        admin_password=PASSWORD,
        tls_cert=str(folder / "server.crt"),
        tls_key=str(folder / "server.key"),
        tls_client_ca=str(folder / "ca.crt"),
    ) as registry:
        yield registry


@pytest.fixture(scope="module")
def admin(registry: Registry, folder: Path) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    auth = ("admin", PASSWORD)
    with httpx.Client(base_url=registry.url, auth=auth, verify=context) as client:
        for name in ("alice", "bob"):
            made = client.post("/api/v1/users", json={"name": name})
            assert made.status_code == 201, made.text
        grant = {"subject": "user:alice", "role": "writer", "pattern": "team/*"}
        assert client.post("/api/v1/grants", json=grant).status_code == 201
        rules = {
            "people": {"field": "cn", "pattern": "*@people", "account": "user:*"},
            "robots": {"field": "uri", "pattern": "spiffe://test/*", "account": "user:*"},
        }
        for name, rule in rules.items():
            answer = client.put(f"/api/v1/certificates/{name}", json=rule)
            assert answer.status_code == 200, answer.text
        yield client


@pytest.fixture
def connect(registry: Registry, folder: Path, tmp_path: Path) -> Iterator[Connect]:
    clients: list[httpx.Client] = []

    def connect(issued: Issued) -> httpx.Client:
        context = ssl.create_default_context(cafile=folder / "ca.crt")
        (tmp_path / "client.crt").write_bytes(issued.certificate_pem)
        (tmp_path / "client.key").write_bytes(issued.key_pem)
        context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
        clients.append(httpx.Client(base_url=registry.url, verify=context))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("name", "uri", "status", "who"),
    [
        ("alice@people", None, 200, "user:alice"),
        ("ALICE@people", None, 200, "user:alice"),
        ("node", "spiffe://test/alice", 200, "user:alice"),
        ("bob@people", None, 200, "user:bob"),
        ("nobody@people", None, 401, ""),
        ("alice", None, 401, ""),
        ("alice@people.org", None, 401, ""),
    ],
)
def test_rules_say_whom_a_certificate_means(
    admin: httpx.Client,
    connect: Connect,
    ca: Authority,
    name: str,
    uri: str | None,
    status: int,
    who: str,
) -> None:
    client = connect(ca.client(name, uri=uri))
    assert client.get("/v2/").status_code == status
    if who:
        assert client.get("/api/v1/session").json()["subject"] == who


def test_grants_say_what_it_may(admin: httpx.Client, connect: Connect, ca: Authority) -> None:
    alice, bob = connect(ca.client("alice@people")), connect(ca.client("bob@people"))
    put_image(alice, "team/app", "1")
    for _ in range(3):  # the second and third are answered at once
        assert alice.get("/v2/team/app/manifests/1").status_code == 200
        assert bob.get("/v2/team/app/manifests/1").status_code == 403
    assert alice.delete("/v2/team/app/manifests/1").status_code == 403


def test_it_brings_a_token_and_the_authorization_header_goes_before_it(
    admin: httpx.Client, connect: Connect, ca: Authority
) -> None:
    client = connect(ca.client("bob@people"))
    scope = {"scope": "repository:team/app:pull", "service": "entrepot"}
    mine = client.get("/token", params=scope).json()
    assert "scope" in mine
    assert mine["scope"] == ""
    asked = client.get("/api/v1/session", auth=("admin", PASSWORD)).json()
    assert asked["subject"] == "user:admin"


def test_a_project_may_require_one(admin: httpx.Client, connect: Connect, ca: Authority) -> None:
    wanted = {"name": "vault", "require_certificate": True}
    assert admin.post("/api/v1/projects", json=wanted).status_code == 201
    answer = admin.post("/v2/vault/app/blobs/uploads/")
    assert answer.status_code == 403
    assert "requires a client certificate" in answer.json()["errors"][0]["message"]
    with_one = connect(ca.client("anyone"))
    with_one.auth = httpx.BasicAuth("admin", PASSWORD)
    put_image(with_one, "vault/app", "1")
    for _ in range(3):
        assert with_one.get("/v2/vault/app/manifests/1").status_code == 200
        assert admin.get("/v2/vault/app/manifests/1").status_code == 403


def test_without_its_rule_or_its_account_it_is_nobody(
    admin: httpx.Client, connect: Connect, ca: Authority
) -> None:
    assert admin.post("/api/v1/users", json={"name": "carol"}).status_code == 201
    rule = {"field": "cn", "pattern": "carol", "account": "user:carol"}
    assert admin.put("/api/v1/certificates/carol", json=rule).status_code == 200
    client = connect(ca.client("carol"))
    assert client.get("/v2/").status_code == 200
    admin.patch("/api/v1/users/carol", json={"disabled": True})
    assert client.get("/v2/").status_code == 401
    admin.patch("/api/v1/users/carol", json={"disabled": False})
    assert client.get("/v2/").status_code == 200
    assert admin.delete("/api/v1/certificates/carol").status_code == 204
    assert client.get("/v2/").status_code == 401


def test_a_certificate_of_another_ca_does_not_come_in(connect: Connect, admin: object) -> None:
    stranger = connect(Authority.new("elsewhere").client("alice@people"))
    with pytest.raises(httpx.TransportError):
        stranger.get("/v2/")
