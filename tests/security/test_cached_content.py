"""What a cache keeps of another registry's private images is for who has a right to it here
(CVE-2024-39897), and nobody else has this registry go out for them.
"""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN, Accounts, first_start
from tests.content import OCI_MANIFEST, begin, descriptor, digest, dump, image, index, put_image
from tests.registry import MANIFESTS
from tests.served import Served, serving
from tests.upkeep.replication.conftest import tell
from tests.upstream.cache.conftest import HOST, stand_for
from tests.upstream.cache.shop import LAYER, MANIFEST, SMALL, Shop
from tests.upstream.scripted import Say, Scripted, scripted

CHILD = dump(image(SMALL))
ROOT = dump(index(image(SMALL)))
REFERRER = image(b"{}", subject=descriptor(MANIFEST, OCI_MANIFEST))
HAS = {"1": MANIFEST, "2": ROOT}
WHO = ("anonymous", "eve", "limited", "robot")
"""`eve` owns another project, `limited` reads one other repository of the cache."""
ALLOWED: dict[str, Any] = {"outbound_allow": ("127.0.0.0/8",)}
NAMES = ("hub/team/app", f"{HOST}/team/app", f"team/app?ns={HOST}")


@dataclass
class Play:
    served: Served
    upstream: Scripted
    shop: Shop
    people: dict[str, tuple[str, str]]

    def basic(self, who: str) -> dict[str, str]:
        if who not in self.people:
            return {}
        return {"authorization": f"Basic {b64encode(':'.join(self.people[who]).encode()).decode()}"}

    def token(self, who: str, *scopes: str) -> dict[str, str]:
        found = self.served.client.get(
            "/token", params={"scope": list(scopes)}, headers=self.basic(who)
        )
        assert found.status_code == 200
        return {"authorization": f"Bearer {found.json()['token']}"}

    def ask(self, method: str, path: str, shown: dict[str, str]) -> httpx.Response:
        return self.served.client.request(method, path, headers={"accept": MANIFESTS, **shown})


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    folder: Path = tmp_path_factory.mktemp("cached")
    shop = Shop(tags=dict(HAS))
    shop.manifests += [ROOT, dump(REFERRER)]
    with ExitStack() as stack:
        server = stack.enter_context(scripted(shop.answer))
        first_start(folder)
        stand_for(folder, server.address, tag_seconds=3600)
        settings: dict[str, Any] = {"dangerously_without_accounts": False, **ALLOWED}
        served = stack.enter_context(serving(folder, "own", **settings))
        accounts = Accounts(folder)
        people = {
            "reader": accounts.user("reader", "reader:hub/*"),
            "eve": accounts.user("eve", "owner:mine/*"),
            "limited": accounts.user("limited", "reader:hub/open/*"),
            "robot": accounts.robot("ci", "writer:mine/*"),
        }
        made = Play(served, server, shop, {name: each.pair for name, each in people.items()})
        fill(made)
        yield made


def fill(play: Play) -> None:
    """Have all of it kept."""
    shown = play.basic("reader")
    for reference in ("1", "2", digest(CHILD)):
        assert play.ask("GET", f"/v2/hub/team/app/manifests/{reference}", shown).status_code == 200
    for part in (LAYER, SMALL):
        assert play.ask("GET", f"/v2/hub/team/app/blobs/{digest(part)}", shown).content == part


def paths(name: str) -> list[str]:
    name, _, query = name.partition("?")
    rest = [
        *(f"manifests/{each}" for each in ("1", "2", "nope", digest(MANIFEST), digest(CHILD))),
        *(f"blobs/{digest(each)}" for each in (LAYER, SMALL, b"nothing")),
        *("tags/list", "tags/list?n=1", f"referrers/{digest(MANIFEST)}"),
    ]
    joined = [f"/v2/{name}/{each}" for each in rest]
    return [f"{each}{'&' if '?' in each else '?'}{query}" if query else each for each in joined]


@pytest.mark.parametrize("way", ["basic", "token"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("who", WHO)
def test_cve_2024_39897_it_is_for_who_has_a_right_here(
    play: Play, who: str, name: str, way: str
) -> None:
    before = len(play.upstream.asked)
    plain = name.partition("?")[0]
    scopes = [f"repository:{each}:pull" for each in {plain, "hub/team/app", f"{HOST}/team/app"}]
    shown = play.basic(who) if way == "basic" else play.token(who, *scopes)
    for path in paths(name):
        for method in ("GET", "HEAD"):
            found = play.ask(method, path, shown)
            assert found.status_code in (401, 403), (method, path)
            assert "127.0.0.1" not in found.text
    assert len(play.upstream.asked) == before


@pytest.mark.parametrize("who", WHO)
def test_it_is_in_no_catalog(play: Play, who: str) -> None:
    found = play.ask("GET", "/v2/_catalog", play.basic(who))
    assert found.status_code == (401 if who == "anonymous" else 200)
    assert "team/app" not in found.text


@pytest.mark.parametrize("source", ["hub/team/app", f"{HOST}/team/app", ""])
@pytest.mark.parametrize("who", ["eve", "robot"])
def test_cve_2026_117685_it_is_mounted_nowhere_else(play: Play, who: str, source: str) -> None:
    with httpx.Client(base_url=play.served.url, auth=play.people[who]) as client:
        given = {"mount": digest(LAYER), **({"from": source} if source else {})}
        begin(client, "mine/app", **given)
        found = client.head(f"/v2/mine/app/blobs/{digest(LAYER)}")
        assert found.status_code == 404


def test_another_repository_of_the_cache_does_not_hand_it_out(play: Play) -> None:
    """`limited` may have hub/open/* fetched, but upstream has nothing like that there."""
    for name in ("hub/open/app", f"{HOST}/open/app"):
        found = play.ask("GET", f"/v2/{name}/blobs/{digest(LAYER)}", play.basic("limited"))
        assert found.status_code == 404


def test_who_may_not_see_it_cannot_tell_it_from_what_nobody_has(play: Play) -> None:
    """By a host that a project stands for, and by one that looks like it."""
    for who in WHO:
        told = []
        for host in (HOST, "op.test"):
            found = play.ask("GET", f"/v2/{host}/team/app/manifests/1", play.basic(who))
            shown = {key: each for key, each in found.headers.items() if key != "x-request-id"}
            shown.pop("date")
            text = f"{found.status_code} {shown} {found.text}"
            told.append(text.replace(host, "HOST"))
        assert told[0] == told[1], who


@pytest.mark.parametrize("name", ["hub", HOST])
def test_a_repository_called_as_the_project_is_nothing_upstream(play: Play, name: str) -> None:
    before = len(play.upstream.asked)
    for rest in (
        "manifests/1",
        f"blobs/{digest(LAYER)}",
        "tags/list",
        f"referrers/{digest(LAYER)}",
    ):
        found = play.ask("GET", f"/v2/{name}/{rest}", play.basic("reader"))
        assert found.status_code in (403, 404), (rest, found.text)
    assert len(play.upstream.asked) == before


@pytest.mark.parametrize("ns", ["a%0d%0ax: y", "%00", "up.test%0d%0ax: y", "é", "a" * 5000, "../x"])
def test_a_host_that_nobody_knows_is_put_into_no_header(play: Play, ns: str) -> None:
    found = play.ask("GET", f"/v2/team/app/manifests/1?ns={ns}", play.basic("reader"))
    assert found.status_code == 404
    assert "x" not in found.headers
    assert "oci-namespace" not in found.headers
    assert len(found.text) < 1000


LIES: dict[str, Say] = {
    "cve-2021-41190 manifests and layers": Say(
        200, dump({**image(SMALL), "manifests": []}), {"content-type": image()["mediaType"]}
    ),
    "cve-2021-41190 another type": Say(
        200, MANIFEST, {"content-type": "application/vnd.oci.image.index.v1+json"}
    ),
    "html": Say(200, b"<html>", {"content-type": "text/html"}),
    "no type": Say(200, b"{}"),
    "large": Say(200, dump({**image(SMALL), "annotations": {"a": "b" * 4_300_000}})),
    "endless": Say(200, b" " * 9_000_000),
    "cut short": Say(200, MANIFEST, {"content-length": str(len(MANIFEST) + 100)}, cut=10),
    "deep": Say(200, b"[" * 100_000, {"content-type": image()["mediaType"]}),
}


@pytest.mark.parametrize("says", LIES.values(), ids=LIES)
def test_what_is_no_manifest_is_not_kept(play: Play, says: Say) -> None:
    play.shop.says = says
    try:
        name = f"hub/lies/app-{list(LIES.values()).index(says)}"
        found = play.ask("GET", f"/v2/{name}/manifests/1", play.basic("reader"))
        assert found.status_code in (404, 502, 503), found.text
    finally:
        play.shop.says = None
    assert name not in play.ask("GET", "/v2/_catalog", play.basic("reader")).text


def test_what_a_name_means_to_one_is_kept_for_no_other(tmp_path: Path) -> None:
    """By Host somebody may call this registry what they like; nodes then ask for that name."""
    with scripted(Shop().answer) as server:
        stand_for(tmp_path, server.address)
        with serving(tmp_path, "own", **ALLOWED) as served:
            put_image(served.client, "team/app", "1", b"layer")
            path = "/v2/team/app/manifests/1?ns=other.test"
            for _ in range(3):
                assert served.client.get(path, headers={"host": "other.test"}).status_code == 200
            assert served.client.get(path).status_code == 404


def test_what_was_here_by_a_name_makes_way_for_the_registry_of_that_name(tmp_path: Path) -> None:
    with scripted(Shop().answer) as server, serving(tmp_path, "own", **ALLOWED) as served:
        client = served.client
        put_image(client, "team/app", "1", b"layer")
        path = f"/v2/team/app/manifests/1?ns={HOST}"
        for _ in range(3):
            assert client.get(path).content != MANIFEST
        stand_for(tmp_path, server.address)
        tell(tmp_path)
        assert client.get(path, headers={"accept": MANIFESTS}).content == MANIFEST


def test_a_token_for_what_a_challenge_names(tmp_path: Path) -> None:
    """The name of the project is not in it, and yet the token is good there."""
    host = f"{HOST}:5000"
    with scripted(Shop().answer) as server:
        first_start(tmp_path)
        stand_for(tmp_path, server.address, hosts=(host,))
        settings: dict[str, Any] = {"dangerously_without_accounts": False, **ALLOWED}
        with serving(tmp_path, "own", **settings) as served:
            path = f"/v2/team/app/manifests/1?ns={host}"
            challenge = served.client.get(path).headers["www-authenticate"]
            assert "hub" not in challenge
            scope = challenge.partition('scope="')[2].partition('"')[0]
            found = served.client.get("/token", params={"scope": scope}, auth=ADMIN.pair)
            shown = {"authorization": f"Bearer {found.json()['token']}", "accept": MANIFESTS}
            assert served.client.get(path, headers=shown).content == MANIFEST


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    folder, shop = tmp_path_factory.mktemp("open"), Shop()
    with ExitStack() as stack:
        server = stack.enter_context(scripted(shop.answer))
        stand_for(folder, server.address)
        yield Play(stack.enter_context(serving(folder, "own", **ALLOWED)), server, shop, {})


def test_a_layer_that_no_disk_can_take_is_not_begun(open_to_all: Play) -> None:
    """What a manifest says of sizes is what somebody wrote."""
    part = {**image(b"x" * 9000)["layers"][0], "size": 10**16}
    open_to_all.shop.tags["huge"] = dump({**image(), "layers": [part]})
    client = open_to_all.served.client
    assert client.get("/v2/hub/team/app/manifests/huge").status_code == 200
    found = client.get(f"/v2/hub/team/app/blobs/{part['digest']}")
    assert found.status_code == 507
    assert not [each for each in open_to_all.upstream.asked if each.path.endswith(part["digest"])]


def test_one_referrer_that_is_missing_does_not_hide_the_others(open_to_all: Play) -> None:
    shop, client = open_to_all.shop, open_to_all.served.client
    shop.referrers = [dump(image(b"gone", subject=REFERRER["subject"])), dump(REFERRER)]
    shop.manifests.append(dump(REFERRER))
    found = client.get(f"/v2/hub/team/app/referrers/{digest(MANIFEST)}")
    assert [each["digest"] for each in found.json()["manifests"]] == [digest(dump(REFERRER))]
    assert "only what is kept" in found.headers["warning"]
    shop.referrers = []


def test_tags_that_are_none_are_not_told(open_to_all: Play) -> None:
    names = ["1", "a\r\nx: y", "<script>", 'a"', "../b", "", "é"]
    open_to_all.shop.says = Say(200, dump({"name": "x", "tags": names}))
    found = open_to_all.served.client.get("/v2/hub/team/listed/tags/list")
    open_to_all.shop.says = None
    assert found.json()["tags"] == ["1"]
