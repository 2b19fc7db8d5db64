"""`entrepot serve` with a certificate, a redirect, and proxies in front: the whole process."""

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from tests.registry import Registry, StartRegistry, free_port

from entrepot.auth.authority import Authority
from entrepot.auth.ca_folder import Folder
from entrepot.cli.exposure import check_exposure
from entrepot.settings import Settings

MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "artifactType": "application/vnd.test",
    "config": {
        "mediaType": "application/vnd.oci.empty.v1+json",
        "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "size": 2,
    },
    "layers": [],
}


@pytest.fixture
def certificate(tmp_path: Path) -> dict[str, Any]:
    """Settings."""
    folder = Folder(tmp_path / "tls")
    authority = Authority.new("test")
    folder.ca.write(authority.own)
    folder.server.write(authority.server(["localhost", "127.0.0.1"]))
    return {"tls_cert": folder.server.cert, "tls_key": folder.server.key}


@pytest.mark.parametrize(
    "settings",
    [
        {"tls_cert": Path("c"), "tls_key": Path("k")},
        {"trusted_proxies": ("10.0.0.0/8",)},
        {"dangerously_open_to_network": True},
        {"listen": "127.0.0.1:5000"},
    ],
    ids=" ".join,
)
def test_how_it_may_be_reached(settings: dict[str, Any]) -> None:
    check_exposure(Settings(**{"listen": "0.0.0.0:5000", **settings}))


def test_else_it_may_not(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        check_exposure(Settings(listen="0.0.0.0:5000"))
    said = capsys.readouterr().err
    ways = ("entrepot tls init", "TRUSTED_PROXIES", "DANGEROUSLY_OPEN_TO_NETWORK=true")
    assert sorted(ways, key=said.index) == list(ways)


@pytest.mark.parametrize("workers", [1, 2])
def test_plain_http_is_led_to_https(
    start_registry: StartRegistry, certificate: dict[str, Any], workers: int
) -> None:
    plain = f"127.0.0.1:{free_port()}"
    registry = start_registry(redirect_listen=plain, workers=workers, **certificate)
    assert f"listens on {registry.url}\n" in registry.log.read_text()
    for _ in range(10):
        answer = httpx.get(f"http://{plain}/v2/?a=b")
        assert (answer.status_code, answer.headers["location"]) == (308, f"{registry.url}/v2/?a=b")
    with httpx.Client(verify=registry.verify, follow_redirects=True) as client:
        assert client.get(f"http://{plain}/v2/").json() == {}
    registry.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{plain}/v2/")


def answers(registry: Registry) -> Iterator[httpx.Response]:
    """The usual way, the fast path, the app's refusal, the server's own."""
    with httpx.Client(base_url=registry.url, verify=registry.verify) as client:
        blob = f"/v2/a/blobs/uploads/?digest={MANIFEST['config']['digest']}"  # type: ignore[index]
        yield client.post(blob, content=b"{}")
        manifest = "/v2/a/manifests/1"
        kind = {"Content-Type": str(MANIFEST["mediaType"])}
        yield client.put(manifest, content=json.dumps(MANIFEST), headers=kind)
        for _ in range(2):
            yield client.get(manifest)
        yield client.get("/v2/a/manifests/none")
        yield client.get(manifest, headers={"X": "x" * 40_000})


def test_hsts_is_in_every_answer(
    start_registry: StartRegistry, certificate: dict[str, Any]
) -> None:
    found = list(answers(start_registry(hsts=600, **certificate)))
    assert [answer.status_code for answer in found] == [201, 201, 200, 200, 404, 431]
    assert {answer.headers.get("strict-transport-security") for answer in found} == {"max-age=600"}


def test_without_hsts_there_is_none(
    start_registry: StartRegistry, certificate: dict[str, Any]
) -> None:
    found = list(answers(start_registry(**certificate)))
    assert not any("strict-transport-security" in answer.headers for answer in found)


def connect(registry: Registry) -> socket.socket:
    host, port = registry.address.split(":")
    return socket.create_connection((host, int(port)), timeout=60)


def test_an_idle_client_does_not_hold_up_the_stop(
    start_registry: StartRegistry, certificate: dict[str, Any]
) -> None:
    """It reads nothing, so it does not answer that TLS ends, either."""
    registry = start_registry(grace=50, **certificate)
    assert isinstance(registry.verify, ssl.SSLContext)
    with registry.verify.wrap_socket(connect(registry), server_hostname="localhost") as idle:
        idle.sendall(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(4096)
        registry.stop()
    assert "timeout graceful shutdown exceeded" not in registry.log.read_text()


def test_a_handshake_has_as_long_as_a_head(
    start_registry: StartRegistry, certificate: dict[str, Any]
) -> None:
    registry = start_registry(header_timeout=1, **certificate)
    with connect(registry) as silent:
        assert silent.recv(1) == b""


SAID = {
    "X-Forwarded-For": "203.0.113.5",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "registry.example.org",
}


@pytest.mark.parametrize(
    ("settings", "realm", "client"),
    [
        ({}, "http://{address}/", "127.0.0.1"),
        ({"trusted_proxies": "10.0.0.0/8"}, "http://{address}/", "127.0.0.1"),
        ({"trusted_proxies": "127.0.0.1"}, "https://registry.example.org/", "203.0.113.5"),
        ({"public_url": "https://r.test"}, "https://r.test/", "127.0.0.1"),
    ],
    ids=["nobody trusted", "others trusted", "trusted", "public URL"],
)
def test_what_proxies_say(
    start_registry: StartRegistry, settings: dict[str, str], realm: str, client: str
) -> None:
    registry = start_registry(
        dangerously_without_accounts=False, admin_password="correct-horse-battery", **settings
    )
    answer = httpx.get(f"{registry.url}/v2/", headers=SAID)
    assert answer.status_code == 401
    wanted = realm.format(address=registry.address)
    assert f'realm="{wanted}' in answer.headers["www-authenticate"]
    registry.stop()
    lines = [json.loads(line) for line in registry.log.read_text().splitlines() if line[:1] == "{"]
    [asked] = [line["client"] for line in lines if line.get("target") == "/v2/"]
    assert asked == client
