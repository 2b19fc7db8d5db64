"""nginx in front, configured as docs/tls.md shows it."""

import hashlib
import json
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.nginx import AROUND
from tests.registry import Registry, StartRegistry, free_port, trusting
from tests.tools import tool

from entrepot.auth.authority import Authority
from entrepot.auth.ca_folder import Folder

GUIDE = Path(__file__).parents[2] / "docs" / "tls.md"


@pytest.fixture
def registry(start_registry: StartRegistry) -> Registry:
    return start_registry(
        trusted_proxies="127.0.0.1",
        dangerously_without_accounts=False,
        admin_password="correct-horse-battery",
    )


@pytest.fixture
def nginx(tmp_path: Path, registry: Registry) -> Iterator[httpx.Client]:
    """A client that talks to nginx, which talks to the registry."""
    folder = Folder(tmp_path / "nginx")
    authority = Authority.new("test")
    folder.ca.write(authority.own)
    folder.server.write(authority.server(["localhost", "127.0.0.1"]))
    port = free_port()
    shown = GUIDE.read_text().partition("```nginx\n")[2].partition("```")[0]
    for here, there in (
        ("127.0.0.1:5000", registry.address),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/nginx/registry.crt", str(folder.server.cert)),
        ("/etc/nginx/registry.key", str(folder.server.key)),
    ):
        assert here in shown
        shown = shown.replace(here, there)
    configuration = folder.path / "nginx.conf"
    configuration.write_text(AROUND.format(folder=folder.path, shown=shown))
    process = subprocess.Popen(
        [tool("nginx"), "-c", configuration, "-e", folder.path / "start.log"]
    )
    client = httpx.Client(
        base_url=f"https://127.0.0.1:{port}", verify=trusting(folder.server.cert), timeout=60
    )
    try:
        await_answer(client)
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait(60)


def await_answer(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            client.get("/livez").raise_for_status()
        except httpx.TransportError:
            assert time.monotonic() < deadline, "nginx does not answer"
            time.sleep(0.05)
        else:
            return


def test_clients_are_sent_for_tokens_to_where_they_came(nginx: httpx.Client) -> None:
    answer = nginx.get("/v2/", headers={"X-Forwarded-Host": "evil.test"})
    assert answer.status_code == 401
    assert f'realm="{nginx.base_url}' in answer.headers["www-authenticate"]


def test_a_layer_goes_through_and_the_log_knows_the_client(
    nginx: httpx.Client, registry: Registry
) -> None:
    layer = random.Random(2).randbytes(8 << 20)
    digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    nginx.auth = httpx.BasicAuth("admin", "correct-horse-battery")
    forged = {"X-Forwarded-For": "203.0.113.9"}
    pushed = nginx.post(
        f"/v2/team/app/blobs/uploads/?digest={digest}", content=layer, headers=forged
    )
    assert pushed.status_code == 201, pushed.text
    assert nginx.get(pushed.headers["location"]).content == layer
    registry.stop()
    lines = [json.loads(line) for line in registry.log.read_text().splitlines() if line[:1] == "{"]
    asked = {line["client"] for line in lines if line.get("kind") == "access"}
    assert asked == {"203.0.113.9", "127.0.0.1"}
