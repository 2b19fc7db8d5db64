"""Pulls done again at a real registry with TLS: how each ends, and what is said of it."""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from tests.accounts import ADMIN, Accounts, Credential
from tests.auth.oidc.elsewhere import Says, elsewhere
from tests.content import descriptor, dump, image, index, put_image, put_manifest
from tests.registry import Registry, serving
from tests.warm import entrepot

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.pull import Try, attempt
from entrepot.kube.doctor.pull_secret import Credential as Held
from entrepot.oci.image_name import Image

ARM = b'{"architecture": "arm64", "os": "linux"}'


@dataclass
class Site:
    registry: Registry
    accounts: Accounts
    reader: Credential
    context: ssl.SSLContext

    def pull(self, name: str, who: Credential | None = None, platform: str = "linux/amd64") -> Try:
        held = Held("s", self.registry.address, *who.pair) if who else None
        where = Image.parse(f"{self.registry.address}/{name}")
        return attempt(where, held, platform, self.context)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("doctor")
    done = entrepot("tls", "init", "--name", "127.0.0.1", "--dir", str(folder / "tls"))
    assert done.status == 0, done.error
    with serving(
        folder / "registry",
        tls_cert=folder / "tls" / "server.crt",
        tls_key=folder / "tls" / "server.key",
        dangerously_without_accounts=False,
        admin_password=ADMIN.secret,
        sparse_manifests=True,
    ) as registry:
        accounts = Accounts(registry.data)
        accounts.project("open", public=True)
        boss = accounts.robot("boss", "maintainer:*")
        context = ssl.create_default_context(cafile=folder / "tls" / "ca.crt")
        with httpx.Client(base_url=registry.url, auth=boss.pair, verify=registry.verify) as client:
            for repository in ("open/app", "team/app", "other/app"):
                put_image(client, repository, "1.0", repository.encode())
            put_image(client, "team/arm", "1", b"arm", config=ARM)
            amd, arm = (image(b"team/app"), image(b"arm", config=ARM))
            put_image(client, "team/many", "arm", b"arm", config=ARM)
            entries = index(arm)
            entries["manifests"][0]["platform"] = {"os": "linux", "architecture": "arm64"}
            lost = descriptor(dump(amd), amd["mediaType"])
            lost["platform"] = {"os": "linux", "architecture": "s390x"}
            entries["manifests"].append(lost)
            put_manifest(client, "team/many", "1", entries)
        yield Site(registry, accounts, accounts.robot("nodes", "reader:team/*"), context)


def test_public(site: Site) -> None:
    assert site.pull("open/app:1.0") == Try()


def test_with_a_right(site: Site) -> None:
    assert site.pull("team/app:1.0", site.reader).cause is None


def test_by_digest(site: Site) -> None:
    boss = site.accounts.robot("digests", "reader:team/*")
    with httpx.Client(
        base_url=site.registry.url, auth=boss.pair, verify=site.registry.verify
    ) as client:
        answer = client.head("/v2/team/app/manifests/1.0")
    digest = answer.headers["docker-content-digest"]
    assert site.pull(f"team/app@{digest}", site.reader).cause is None


def test_without_a_login(site: Site) -> None:
    found = site.pull("team/app:1.0")
    assert found.cause is Cause.NO_CREDENTIAL
    assert "log in first" in found.detail


def test_wrong_password(site: Site) -> None:
    found = site.pull("team/app:1.0", Credential("robot/stranger", "wrong"))
    assert found.cause is Cause.CREDENTIAL_REFUSED
    assert found.detail.startswith("wrong user name or password")


def test_a_wrong_password_is_not_asked_for_what_is_public(site: Site) -> None:
    assert site.pull("open/app:1.0", Credential("robot/another", "wrong")).cause is None


def test_no_right(site: Site) -> None:
    found = site.pull("other/app:1.0", site.reader)
    assert found.cause is Cause.NO_RIGHT
    assert "insufficient_scope" in found.detail


def test_no_repository(site: Site) -> None:
    found = site.pull("team/ap:1.0", site.reader)
    assert found.cause is Cause.REPOSITORY_MISSING
    assert found.near[0] == "team/app"
    assert "other/app" not in found.near, "whoever asks may not see it"


def test_no_tag(site: Site) -> None:
    found = site.pull("team/app:1.1", site.reader)
    assert (found.cause, found.near) == (Cause.TAG_MISSING, ("1.0",))


def test_no_digest(site: Site) -> None:
    found = site.pull(f"team/app@sha256:{'0' * 64}", site.reader)
    assert (found.cause, found.near) == (Cause.DIGEST_MISSING, ("1.0",))


def test_an_image_of_another_platform(site: Site) -> None:
    found = site.pull("team/arm:1", site.reader)
    assert (found.cause, found.detail) == (Cause.NO_PLATFORM, "linux/arm64")
    assert site.pull("team/arm:1", site.reader, "linux/arm64").cause is None
    assert site.pull("team/arm:1", site.reader, "").cause is None


def test_an_index_without_the_platform(site: Site) -> None:
    found = site.pull("team/many:1", site.reader)
    assert (found.cause, found.detail) == (Cause.NO_PLATFORM, "linux/arm64, linux/s390x")
    assert site.pull("team/many:1", site.reader, "linux/arm64").cause is None


def test_a_part_is_lost(site: Site) -> None:
    found = site.pull("team/many:1", site.reader, "linux/s390x")
    assert found.cause is Cause.LAYER_MISSING
    assert found.detail.startswith("manifest sha256:")


def test_unknown_ca(site: Site) -> None:
    where = Image.parse(f"{site.registry.address}/team/app:1.0")
    held = Held("s", "", *site.reader.pair)
    assert attempt(where, held, "", ssl.create_default_context()).cause is Cause.UNKNOWN_CA


def test_a_wrong_password_that_was_tried_too_often(site: Site) -> None:
    """As the kubelet does: the registry then says how long to wait, and the password is wrong."""
    guesses = (site.pull("team/app:1.0", Credential("boss", f"{n}")) for n in range(40))
    found = next((each for each in guesses if "too many" in each.detail), None)
    assert found is not None
    assert found.cause is Cause.CREDENTIAL_REFUSED


@pytest.mark.parametrize(
    ("says", "cause", "detail"),
    [
        (Says(status=429, headers={"retry-after": "7"}), Cause.TOO_MANY, "to wait 7 s"),
        (
            Says(b'{"errors": [{"message": "app@x has no good signature of ci, which"}]}', 403),
            Cause.UNSIGNED,
            "has no good signature of ci",
        ),
        (Says(status=500), Cause.REGISTRY_FAILS, "HTTP status 500"),
        (Says(b"\x1b[2J"), Cause.REGISTRY_FAILS, "HTTP status 200"),
        (
            Says(status=401, headers={"www-authenticate": 'Bearer realm="http://evil.test/"'}),
            Cause.REGISTRY_FAILS,
            "it sends logins to 'http://evil.test/'",
        ),
        (
            Says(status=401, headers={"www-authenticate": "Basic"}),
            Cause.CREDENTIAL_REFUSED,
            "HTTP status 401",
        ),
        (
            Says(b'{"errors": [{"message": "\\u001b[2J"}]}', status=403),
            Cause.NO_RIGHT,
            "\\x1b[2J",
        ),
    ],
)
def test_answers_of_others(says: Says, cause: Cause, detail: str) -> None:
    with elsewhere(tls=False) as party:
        party.says["/v2/app/manifests/1"] = says
        host = f"127.0.0.1:{party.port}"
        found = attempt(
            Image.parse(f"{host}/app:1"),
            Held("s", host, "u", "p"),
            "",
            ssl.create_default_context(),
        )
    assert found.cause is cause
    assert detail in found.detail
