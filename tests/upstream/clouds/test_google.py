"""Google's access tokens: of a key, of the server's own identity; what a registry takes."""

import ipaddress
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.auth.compute_engine import _metadata
from tests.upkeep.replication.conftest import Office, office, rule, still
from tests.upstream.cache.conftest import Caching, caching
from tests.upstream.cache.shop import LAYER, MANIFEST, Shop
from tests.upstream.cache.test_fetching import blob, manifest, pull
from tests.upstream.cache.test_real import push
from tests.upstream.clouds.google_cloud import EMAIL, Google, private_key
from tests.upstream.clouds.test_ecr import goes_on
from tests.upstream.peer import docker_registry
from tests.upstream.scripted import Answer, Asked, Say, Scripted, scripted
from tests.waiting import until

from entrepot.addresses import Network, network
from entrepot.auth.oidc.answer import OutboundError
from entrepot.db.upstreams import Kind, Upstream
from entrepot.upstream.access import Credential
from entrepot.upstream.clouds import google as clouds
from entrepot.upstream.clouds import google_way
from entrepot.upstream.clouds.login import login_of, who
from entrepot.upstream.place import RefusedError, UnreachableError, UpstreamError

__all__ = ["caching", "office"]

URL = "https://europe-docker.pkg.dev"
HERE: tuple[Network, ...] = (network("127.0.0.0/8"),)
FIRST = Credential("oauth2accesstoken", "ya29.token-1")
LINE = "oauth2accesstoken:$2b$05$abcdefghijklmnopqrstuuoHwpTsfORY/.i9u30TP1S0mfSYS639K"
INSIDE = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[fd20:ce::254]", "metadata.google.internal"]


@pytest.fixture(scope="module")
def _served() -> Iterator[tuple[Google, Scripted]]:
    found = Google(private_key())
    with scripted(found.answer) as server:
        found.address = server.address
        yield found, server


@pytest.fixture
def google(_served: tuple[Google, Scripted]) -> tuple[Google, Scripted]:
    """As if nobody had asked yet."""
    cloud, server = _served
    cloud.count, cloud.lasts, cloud.says = 0, 3600.0, None
    cloud.refused.clear()
    server.asked.clear()
    return cloud, server


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No identity of this machine."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "nothing"))
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", True)


def row(secret: object = "", url: str = URL) -> Upstream:
    text = secret if isinstance(secret, str) else json.dumps(secret)
    return Upstream("gar", url, kind=Kind.GOOGLE, secret=text)


def test_a_service_accounts_key(google: tuple[Google, Scripted]) -> None:
    cloud, server = google
    login = login_of(row(cloud.service_key()), HERE)
    assert [login(), login()] == [FIRST, FIRST]
    assert server.paths("POST") == ["/token"]


def test_a_token_is_renewed_before_its_end(google: tuple[Google, Scripted]) -> None:
    cloud, _ = google
    issued = clouds.Tokens(row(cloud.service_key()), HERE).issue()
    assert issued.ends == pytest.approx(time.time() + 3600, abs=60)
    assert clouds.MARGIN > 60


def test_a_key_that_is_not_the_accounts(google: tuple[Google, Scripted]) -> None:
    cloud, _ = google
    other = cloud.service_key(private_key("another"))
    with pytest.raises(RefusedError, match="invalid_grant: Invalid JWT Signature") as caught:
        login_of(row(other), HERE)()
    assert cloud.refused
    assert "PRIVATE" not in str(caught.value)


@pytest.mark.parametrize(
    ("says", "raised", "words"),
    [
        (Say(503), UnreachableError, "HTTP status 503"),
        (Say(400, b"<html>internal pages</html>"), RefusedError, "nobody understands"),
        (Say(200, b"{}"), RefusedError, "nobody understands"),
        (Say(302, headers={"location": "http://127.0.0.1:1/"}), RefusedError, "nobody understands"),
    ],
    ids=["busy", "a page", "no token", "a redirect"],
)
def test_what_is_no_token(
    says: Say, raised: type[UpstreamError], words: str, google: tuple[Google, Scripted]
) -> None:
    """Nothing of an answer is shown but what OAuth calls its error: it may be anybody's."""
    cloud, server = google
    cloud.says = says
    with pytest.raises(raised, match=words) as caught:
        login_of(row(cloud.service_key()), HERE)()
    assert "pages" not in str(caught.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize("host", INSIDE)
def test_an_uploaded_key_leads_nowhere_inside(host: str, google: tuple[Google, Scripted]) -> None:
    cloud, server = google
    port = server.address.rpartition(":")[2]
    for scheme in ("http", "https"):
        leads = cloud.service_key(token_uri=f"{scheme}://{host}:{port}/token")
        with pytest.raises(UnreachableError, match=r"not global|has no address"):
            login_of(row(leads), ())()
    assert server.asked == []


def test_the_metadata_server_is_for_the_servers_own_identity() -> None:
    address = ipaddress.ip_address("169.254.169.254")
    google_way.OWN.check("metadata", "http", address, google_way.METADATA)
    for inside in ("10.0.0.1", "169.254.0.1", "127.0.0.1"):
        with pytest.raises(OutboundError):
            google_way.OWN.check("x", "http", ipaddress.ip_address(inside), google_way.METADATA)


def _metadata_at(server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", False)
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", server.address)
    monkeypatch.setenv("GCE_METADATA_IP", server.address)


def test_the_metadata_servers_token(
    google: tuple[Google, Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud, server = google
    _metadata_at(server, monkeypatch)
    assert login_of(row(), HERE)() == FIRST
    assert "/computeMetadata/v1/instance/service-accounts/default/token" in server.paths()[-1]
    assert cloud.count == 1


def test_a_key_file_of_the_environment(
    google: tuple[Google, Scripted], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cloud, _ = google
    (tmp_path / "key.json").write_text(json.dumps(cloud.service_key()))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    assert login_of(row(), HERE)() == FIRST


def test_federation(
    google: tuple[Google, Scripted], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cloud, server = google
    (tmp_path / "token").write_text(cloud.federated)
    (tmp_path / "config.json").write_text(json.dumps(cloud.federation(str(tmp_path / "token"))))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "config.json"))
    assert login_of(row(), HERE)() == FIRST
    assert [each.path for each in server.asked] == ["/sts"]


def test_a_server_that_is_nobody() -> None:
    with pytest.raises(RefusedError, match="give a service account's key"):
        login_of(row(), ())()


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    for asks in (lambda: who(row()), login_of(row(), ())):
        with pytest.raises(UpstreamError, match=r"pip install 'entrepot\[google\]'"):
            asks()


KEYS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no JSON": lambda key: "AIza0123",
    "a list": lambda key: [key],
    "federation": lambda key: {**key, "type": "external_account", "credential_source": {}},
    "a person's": lambda key: {**key, "type": "authorized_user"},
    "no address": lambda key: {**key, "token_uri": None},
    "no account": lambda key: {name: key[name] for name in key if name != "client_email"},
    "no key": lambda key: {**key, "private_key": "-----BEGIN PRIVATE KEY-----"},
}


@pytest.mark.parametrize("made", KEYS.values(), ids=KEYS)
def test_what_is_no_key(
    made: Callable[[dict[str, Any]], object], google: tuple[Google, Scripted]
) -> None:
    good = google[0].service_key()
    assert who(row(good)) == EMAIL
    with pytest.raises(UpstreamError, match="service account's key"):
        who(row(made(good)))


@pytest.mark.parametrize(
    ("url", "is_googles"),
    [
        (URL, True),
        ("https://docker.europe-west1.rep.pkg.dev", True),
        ("https://gcr.io", True),
        ("https://eu.gcr.io", True),
        ("https://pkg.dev", False),
        ("https://gcr.io.evil.test", False),
        ("https://evilgcr.io", False),
        ("https://quay.io", False),
    ],
)
def test_addresses(url: str, *, is_googles: bool) -> None:
    assert clouds.is_google(url) is is_googles


def test_a_server_that_stops_waits_for_no_token(google: tuple[Google, Scripted]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        uri = f"http://127.0.0.1:{deaf.getsockname()[1]}/token"
        login = login_of(row(google[0].service_key(token_uri=uri)), HERE)
        with ThreadPoolExecutor() as threads:
            asked = threads.submit(login)
            with deaf.accept()[0]:
                login.abort()
                with pytest.raises(UnreachableError):
                    asked.result(timeout=30)
    assert "does not answer" in login.trouble


def registry(cloud: Google, login: Callable[[], Credential]) -> Answer:
    """A registry as Google's: it trades a login for a token of its own, which ends with it."""
    shop = Shop()

    def answer(asked: Asked) -> Say:
        here = asked.headers["host"]
        given = asked.headers.get("authorization", "")
        if asked.path.startswith("/v2/token"):
            good = given == login().basic
            return Say(200, json.dumps({"token": cloud.token}).encode()) if good else Say(403)
        if given == f"Bearer {cloud.token}":
            return shop.answer(asked)
        challenge = f'Bearer realm="http://{here}/v2/token",service="{here}"'
        return Say(401, headers={"www-authenticate": challenge})

    return answer


def test_a_key_as_a_password_that_stays(caching: Caching, google: tuple[Google, Scripted]) -> None:
    key = json.dumps(google[0].service_key(), indent=2)
    with scripted(registry(google[0], lambda: Credential("_json_key", key))) as server:
        pull(caching(server.address, login="_json_key", secret=key).client)
    assert google[1].asked == []


def test_pulls_go_on_with_the_next_token(caching: Caching, google: tuple[Google, Scripted]) -> None:
    cloud, _ = google
    login = partial(Credential, "oauth2accesstoken")
    with scripted(registry(cloud, lambda: login(cloud.token))) as server:
        cloud.lasts = 3
        secret = json.dumps(cloud.service_key())
        client = caching(server.address, tag_seconds=0.1, kind=Kind.GOOGLE, secret=secret).client
        assert manifest(client).content == MANIFEST
        cloud.lasts = 3600
        until(lambda: goes_on(client) and cloud.count == 2)
        assert blob(client, LAYER).content == LAYER


def test_a_registry_pulled_from_and_copied_to(
    caching: Caching, office: Office, google: tuple[Google, Scripted], tmp_path: Path
) -> None:
    cloud, _ = google
    key = {"kind": Kind.GOOGLE, "secret": json.dumps(cloud.service_key())}
    near = office("near")
    push(near.url.removeprefix("http://"))
    with docker_registry(tmp_path / "peer", LINE) as address:
        rule(near.folder, "far", f"http://{address}", **key)
        still(near.folder, "far")
        with httpx.Client(base_url=f"http://{address}", auth=(FIRST.user, FIRST.password)) as there:
            assert manifest(there, "1", "team/app").content == MANIFEST
        cloud.count = 0
        pull(caching(address, **key).client)
        assert cloud.count == 1
