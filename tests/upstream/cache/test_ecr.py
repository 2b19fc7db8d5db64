"""Amazon's login: traded for AWS credentials, renewed before it ends, and kept while that fails."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.upstream.cache.conftest import Caching
from tests.upstream.cache.shop import LAYER, MANIFEST, Shop
from tests.upstream.cache.test_fetching import blob, manifest
from tests.upstream.scripted import Asked, Say, Scripted, scripted

from entrepot.db.upstreams import Kind, Upstream
from entrepot.upstream.cache import ecr
from entrepot.upstream.cache.ecr import ECR
from entrepot.upstream.http import Credential
from entrepot.upstream.place import RefusedError

URL = "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com"


class Api:
    """GetAuthorizationToken, as Amazon answers it."""

    def __init__(self) -> None:
        self.lasts = 12 * 3600.0
        self.count = 0
        self.refuses = False

    def answer(self, asked: Asked) -> Say:
        if self.refuses:
            body = {"__type": "AccessDeniedException", "Message": "not you"}
            return Say(400, json.dumps(body).encode())
        self.count += 1
        token = base64.b64encode(f"AWS:password-{self.count}".encode()).decode()
        data = {"authorizationToken": token, "expiresAt": time.time() + self.lasts}
        found = [data] if "ecr/" in asked.headers["authorization"] else data
        return Say(200, json.dumps({"authorizationData": found}).encode())


@contextmanager
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Api, Scripted]]:
    api = Api()
    with scripted(api.answer) as server:
        for name in ("ECR", "ECR_PUBLIC"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", f"http://{server.address}")
        yield api, server


def row(url: str = URL) -> Upstream:
    return Upstream("ecr", url, kind=Kind.ECR, login="AKIAEXAMPLE", secret="aws secret")


@pytest.mark.parametrize(
    ("url", "region", "service"),
    [(URL, "eu-west-1", "ecr"), ("https://public.ecr.aws", "us-east-1", "ecr-public")],
)
def test_a_login(url: str, region: str, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with amazon(monkeypatch) as (_, server):
        login = ECR(row(url))
        assert login() == Credential("AWS", "password-1")
        assert login() == Credential("AWS", "password-1")
        (asked,) = server.asked
        assert f"/{region}/{service}/aws4_request" in asked.headers["authorization"]
        assert "GetAuthorizationToken" in asked.headers["x-amz-target"]


def test_it_is_renewed_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with amazon(monkeypatch) as (api, _):
        api.lasts = ecr.MARGIN - 1
        login = ECR(row())
        assert login().password == "password-1"
        assert login().password == "password-2"
        api.refuses = True
        assert login().password == "password-2", "one that is good was thrown away"


def test_who_may_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with amazon(monkeypatch) as (api, _):
        api.refuses = True
        with pytest.raises(RefusedError, match="not you"):
            ECR(row())()


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
            api.lasts = ecr.MARGIN + 0.5
            key = {"kind": Kind.ECR, "login": "AKIAEXAMPLE", "secret": "aws secret"}
            client = caching(server.address, tag_seconds=0.1, **key).client
            assert manifest(client).content == MANIFEST
            time.sleep(0.6)
            found = manifest(client)
            assert found.content == MANIFEST
            assert "warning" not in found.headers
            assert api.count == 2
            assert blob(client, LAYER).content == LAYER
