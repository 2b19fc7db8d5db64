"""Amazon's login: of moto's server, of an API that does what a test says; a registry takes it."""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from moto.server import ThreadedMotoServer
from tests.upkeep.replication.conftest import Office, office, rule, still
from tests.upstream.cache.conftest import Caching, caching
from tests.upstream.cache.shop import LAYER, MANIFEST, SMALL, Shop
from tests.upstream.cache.test_fetching import blob, manifest, pull
from tests.upstream.cache.test_real import push
from tests.upstream.peer import docker_registry
from tests.upstream.scripted import Asked, Say, Scripted, scripted
from tests.waiting import until

from entrepot.db.upstreams import Kind, Upstream
from entrepot.upstream.access import Credential
from entrepot.upstream.clouds import ecr
from entrepot.upstream.clouds.login import login_of
from entrepot.upstream.clouds.renewed import Issued, Renewed
from entrepot.upstream.place import BrokenError, RefusedError, UnreachableError, UpstreamError

__all__ = ["caching", "office"]

URL = "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com"
KEY = {"kind": Kind.ECR, "login": "AKIAEXAMPLE", "secret": "aws secret"}
MOTO = ("AWS", "123456789012-auth-token")
LINE = "AWS:$2b$05$abcdefghijklmnopqrstuu/4ofrUS75HrKu6f.iuRo0I/XlrmpqlC"


class Api:
    """GetAuthorizationToken, as Amazon answers it."""

    def __init__(self) -> None:
        self.lasts = 12 * 3600.0
        self.count = 0
        self.says: Say | None = None

    def answer(self, asked: Asked) -> Say:
        if self.says is not None:
            return self.says
        self.count += 1
        token = base64.b64encode(f"AWS:password-{self.count}".encode()).decode()
        data = {"authorizationToken": token, "expiresAt": time.time() + self.lasts}
        found = [data] if "/ecr/" in asked.headers["authorization"] else data
        return Say(200, json.dumps({"authorizationData": found}).encode())


def error(status: int, kind: str) -> Say:
    return Say(status, json.dumps({"__type": kind, "Message": "not you"}).encode())


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No identity of this machine."""
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", str(tmp_path / "nothing"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")


@contextmanager
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Api, Scripted]]:
    api = Api()
    with scripted(api.answer) as server:
        for name in ("ECR", "ECR_PUBLIC"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", f"http://{server.address}")
        yield api, server


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The URL of moto's server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def at_moto(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", moto)
    return moto


def row(url: str = URL, **more: Any) -> Upstream:
    return Upstream("ecr", url, **{**KEY, **more})


def test_a_login_of_motos_server(at_moto: str) -> None:
    ends = ecr.issue(row()).ends
    assert ends < time.time(), "moto's logins ended long ago: what comes below shows that they do"
    assert login_of(row(), ())() == Credential(*MOTO)


def test_the_servers_own_identity(at_moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    login = partial(ecr.issue, row(login="", secret=""))
    with pytest.raises(RefusedError, match="credentials"):
        login()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOWN")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own secret")
    assert login().credential == Credential(*MOTO)


def test_an_end_that_is_past_is_not_renewed_with_each_request(at_moto: str) -> None:
    count = []

    def issue() -> Issued:
        count.append(1)
        return ecr.issue(row())

    login = Renewed(issue, ecr.MARGIN)
    assert {login() for _ in range(50)} == {Credential(*MOTO)}
    assert len(count) == 1


def test_a_pull_through_the_cache(at_moto: str, caching: Caching, tmp_path: Path) -> None:
    with docker_registry(tmp_path / "peer", LINE) as address:
        push(address, auth=MOTO)
        pull(caching(address, **KEY).client)
        stranger = caching(address, "without").client
        assert manifest(stranger).status_code == 404


def test_a_replication(at_moto: str, office: Office, tmp_path: Path) -> None:
    near = office("near")
    push(near.url.removeprefix("http://"))
    with docker_registry(tmp_path / "peer", LINE) as address:
        rule(near.folder, "far", f"http://{address}", **KEY)
        still(near.folder, "far")
        with httpx.Client(base_url=f"http://{address}", auth=MOTO) as client:
            assert manifest(client, "1", "team/app").content == MANIFEST
            for part in (LAYER, SMALL):
                assert blob(client, part, "team/app").content == part


@pytest.mark.parametrize(
    ("url", "region", "service"),
    [(URL, "eu-west-1", "ecr"), ("https://public.ecr.aws", "us-east-1", "ecr-public")],
)
def test_a_login(url: str, region: str, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with amazon(monkeypatch) as (_, server):
        login = login_of(row(url), ())
        assert login() == Credential("AWS", "password-1")
        assert login() == Credential("AWS", "password-1")
        (asked,) = server.asked
        assert f"/{region}/{service}/aws4_request" in asked.headers["authorization"]
        assert "GetAuthorizationToken" in asked.headers["x-amz-target"]


@pytest.mark.parametrize(
    ("says", "raised"),
    [
        (error(400, "AccessDeniedException"), RefusedError),
        (error(400, "ThrottlingException"), BrokenError),
        (error(500, "ServerException"), BrokenError),
        (Say(200, b"{}"), UpstreamError),
    ],
    ids=["denied", "throttled", "broken", "nonsense"],
)
def test_what_is_no_login(
    says: Say, raised: type[UpstreamError], monkeypatch: pytest.MonkeyPatch
) -> None:
    with amazon(monkeypatch) as (api, _):
        api.says = says
        with pytest.raises(raised) as caught:
            login_of(row(), ())()
        assert caught.type is raised
        assert "aws secret" not in str(caught.value)


LOGS_IN = """
from entrepot.db.upstreams import Kind, Upstream
from entrepot.observe.logs import configure
from entrepot.upstream.clouds.login import login_of
configure(as_json=False, level="debug")
row = Upstream("ecr", {url!r}, kind=Kind.ECR, login="AKIAEXAMPLE", secret="aws secret")
print(login_of(row, ())().password)
"""


def test_a_login_is_in_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """boto3 logs answers, where it is let."""
    with amazon(monkeypatch):
        command = [sys.executable, "-c", LOGS_IN.format(url=URL)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "password-1\n"
    for secret in ("password-1", base64.b64encode(b"AWS:password-1").decode(), "aws secret"):
        assert secret not in done.stderr


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match="does not answer"):
        login_of(row(), ())()


@pytest.mark.parametrize(
    ("url", "is_amazons"),
    [
        (URL, True),
        ("https://public.ecr.aws", True),
        ("https://123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", True),
        ("https://123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.test", False),
        ("https://quay.io", False),
    ],
)
def test_addresses(url: str, *, is_amazons: bool) -> None:
    assert ecr.is_ecr(url) is is_amazons


def test_what_is_kept_is_served_while_amazon_gives_no_login(
    caching: Caching, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop()
    with amazon(monkeypatch) as (api, _), scripted(shop.answer) as server:
        api.lasts = 3.0
        client = caching(server.address, tag_seconds=0.1, **KEY).client
        pull(client)
        api.says = error(500, "ServerException")
        until(lambda: "gets no login" in manifest(client).headers.get("warning", ""))
        found = manifest(client)
        assert found.content == MANIFEST
        assert "not you" not in found.headers["warning"], "it may name the server's own role"
        assert blob(client, LAYER).content == LAYER


def goes_on(client: httpx.Client) -> bool:
    """Whether a pull is answered by what the registry says; to log in takes a slow machine long."""
    found = manifest(client)
    assert found.content == MANIFEST
    warning = found.headers.get("warning", "")
    assert not warning or "takes longer than" in warning
    return not warning


def test_pulls_go_on_with_the_next_login(caching: Caching, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    with amazon(monkeypatch) as (api, _):

        def answer(asked: Asked) -> Say:
            """Amazon says 403 to a login that has ended."""
            good = Credential("AWS", f"password-{api.count}").basic
            given = asked.headers.get("authorization", "")
            if given == good:
                return shop.answer(asked)
            challenge = {"www-authenticate": 'Basic realm="https://ecr"'}
            return Say(403) if given else Say(401, headers=challenge)

        with scripted(answer) as server:
            api.lasts = 3.0
            client = caching(server.address, tag_seconds=0.1, **KEY).client
            assert manifest(client).content == MANIFEST
            api.lasts = 12 * 3600.0
            until(lambda: goes_on(client) and api.count == 2)
            assert blob(client, LAYER).content == LAYER
