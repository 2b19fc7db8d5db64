"""Clients that pull through the cache while its upstream fails in any way: what is kept comes, and
soon; what is not says what is wrong, leaves nothing behind, and comes once the upstream is well.
"""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.cli.desk import furnished
from tests.clients.carriers import Skopeo
from tests.clients.containerd import Containerd
from tests.clients.image import Image, digest_of, layout_blob, write_layout
from tests.clients.podman import Podman
from tests.registry import Registry, serving
from tests.upstream.peer import docker_registry
from tests.upstream.weather import Mood, Weather, weather
from tests.warm import entrepot

from entrepot.db import place, projects, upstreams
from entrepot.db.projects import Project
from entrepot.db.upstreams import Upstream

SOON = 90
"""Seconds; the machine may have other things to do. Who hangs does so for longer."""

BY_SKOPEO = r"503 Service Unavailable|502 Bad Gateway|connection reset|EOF"
BY_CONTAINERD = {
    Mood.KILLED: "503 Service Unavailable",
    Mood.HUNG: "503 Service Unavailable",
    Mood.HALTS: "connection reset|EOF|503",
    Mood.BUSY: "429 Too Many Requests",
    Mood.BUSY_LATER: "429 Too Many Requests",
    Mood.FAILING: "503 Service Unavailable",
    Mood.AWAY: "503 Service Unavailable",
    Mood.LIES_ABOUT_MANIFESTS: "502 Bad Gateway",
    Mood.LIES_ABOUT_LAYERS: "connection reset|EOF|502",
}
"""What a client says of what is not kept."""
TRIED_AGAIN = {Mood.HALTS, Mood.BUSY, Mood.BUSY_LATER}
"""By the cache, or by skopeo itself, for some time."""
PEERS = {
    "docker-registry": list(BY_CONTAINERD),
    "entrepot": [Mood.KILLED, Mood.BUSY, Mood.LIES_ABOUT_LAYERS],
}
SLOW = ("docker-registry", Mood.SLOW)
FAILING = [(peer, mood) for peer, moods in PEERS.items() for mood in moods]
CASES = [*FAILING, SLOW]


def project(peer: str, mood: Mood) -> str:
    """One for each case, so that none is spared since another one failed."""
    return f"{peer}-{mood.name.lower().replace('_', '-')}"


@dataclass
class Site:
    cache: Registry
    peers: dict[str, Weather]
    images: dict[str, Image]
    """By the repository of the cache."""

    def reference(self, peer: str, mood: Mood, name: str) -> str:
        return f"{self.cache.address}/{project(peer, mood)}/{mood.name.lower()}/{name}:1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("weather")
    data = folder / "cache" / "data"
    with ExitStack() as stack:
        desk = stack.enter_context(furnished(folder / "desk"))
        addresses = {
            "docker-registry": stack.enter_context(docker_registry(folder / "peer")),
            "entrepot": desk.url.removeprefix("http://"),
        }
        peers = {peer: stack.enter_context(weather(at)) for peer, at in addresses.items()}
        images = {}
        for peer, mood in CASES:
            login = ADMIN.pair if peer == "entrepot" else ("", "")
            stand_for(data, project(peer, mood), peers[peer].address, login)
            for name in ("kept", "new"):
                made = small_image(folder / f"{project(peer, mood)}-{name}")
                push(made, addresses[peer], f"{mood.name.lower()}/{name}", login)
                images[f"{project(peer, mood)}/{mood.name.lower()}/{name}"] = made
        cache = stack.enter_context(serving(folder / "cache", outbound_allow="127.0.0.0/8"))
        with httpx.Client(base_url=cache.url, timeout=30) as client:
            for name, made in images.items():
                if name.endswith("/kept"):
                    keep(client, name, made)
        for peer, mood in CASES:
            peers[peer].moods[mood.name.lower()] = mood
        yield Site(cache, peers, images)


def stand_for(data: Path, name: str, address: str, login: tuple[str, str]) -> None:
    where = place.find(data)
    where.prepare()
    user, secret = login
    row = Upstream(name, f"http://{address}", (), login=user, secret=secret, tag_seconds=0.1)
    with closing(where.connect()) as db, db.exclusive():
        projects.create(db, Project(name), "test")
        upstreams.put(db, row)


def small_image(folder: Path) -> Image:
    made = Image(folder, secrets.token_bytes(300_000))
    write_layout(made.layout, {"random": made.random})
    return made


def parts(image: Image) -> list[str]:
    document = json.loads(image.manifest)
    return [each["digest"] for each in (document["config"], *document["layers"])]


def push(image: Image, address: str, name: str, login: tuple[str, str]) -> None:
    more: dict[str, Any] = {"auth": login} if login[0] else {}
    with httpx.Client(base_url=f"http://{address}", timeout=30, **more) as client:
        for digest in parts(image):
            begun = client.post(f"/v2/{name}/blobs/uploads/")
            where = httpx.URL(begun.headers["location"])
            given = {**dict(where.params), "digest": digest}
            content = layout_blob(image.layout, digest)
            client.put(where, params=given, content=content).raise_for_status()
        kind = {"content-type": "application/vnd.oci.image.manifest.v1+json"}
        put = client.put(f"/v2/{name}/manifests/1", content=image.manifest, headers=kind)
        put.raise_for_status()


def keep(client: httpx.Client, name: str, image: Image) -> None:
    assert client.get(f"/v2/{name}/manifests/1").content == image.manifest
    for digest in parts(image):
        found = client.get(f"/v2/{name}/blobs/{digest}")
        assert found.content == layout_blob(image.layout, digest)


def pulled(client: Containerd | Podman, reference: str, image: Image) -> None:
    got = client.pull(reference)
    assert got.random == image.random
    assert got.digest == digest_of(image.manifest)
    client.forget(reference)


@pytest.mark.parametrize(("peer", "mood"), CASES, ids=lambda x: getattr(x, "name", x))
def test_what_is_kept_comes(
    site: Site, containerd: Containerd, podman: Podman, peer: str, mood: Mood
) -> None:
    reference = site.reference(peer, mood, "kept")
    image = site.images[f"{project(peer, mood)}/{mood.name.lower()}/kept"]
    for client in (containerd, podman):
        began = time.monotonic()
        pulled(client, reference, image)
        assert time.monotonic() - began < SOON


@pytest.mark.parametrize(("peer", "mood"), FAILING, ids=lambda x: getattr(x, "name", x))
def test_what_is_not_kept_fails_and_comes_once_upstream_is_well(
    site: Site, containerd: Containerd, skopeo: Skopeo, peer: str, mood: Mood
) -> None:
    upstream, reference = site.peers[peer], site.reference(peer, mood, "new")
    image = site.images[f"{project(peer, mood)}/{mood.name.lower()}/new"]
    with ended(upstream, mood):
        with pytest.raises(pytest.fail.Exception, match=BY_CONTAINERD[mood]):
            containerd.pull(reference)
        if mood not in TRIED_AGAIN:
            with pytest.raises(pytest.fail.Exception, match=BY_SKOPEO):
                skopeo.pull(reference)
    upstream.moods[mood.name.lower()] = Mood.WELL
    until_asked_again(site.cache, reference, image)
    pulled(containerd, reference, image)


def test_who_is_slow_is_waited_for(site: Site, containerd: Containerd) -> None:
    image = site.images[f"{project(*SLOW)}/slow/new"]
    pulled(containerd, site.reference(*SLOW, "new"), image)


@contextmanager
def ended(upstream: Weather, mood: Mood) -> Iterator[None]:
    """Who hangs is killed after a moment: nobody waits here for the cache to lose its patience."""
    hangs = mood in {Mood.HUNG, Mood.HALTS}
    over = threading.Timer(1, upstream.ended.set)
    if hangs:
        over.start()
    yield
    over.cancel()
    upstream.ended.clear()


def until_asked_again(cache: Registry, reference: str, image: Image) -> None:
    """Its upstream is left alone for a while after it failed; for a minute where that was often."""
    base = f"{cache.url}/v2/{reference.partition('/')[2].rpartition(':')[0]}"
    needed = (f"{base}/manifests/1", f"{base}/blobs/{parts(image)[-1]}")
    deadline = time.monotonic() + 150
    while any(httpx.head(each).status_code != 200 for each in needed):
        assert time.monotonic() < deadline, "it is never asked again"
        time.sleep(0.2)


def test_nothing_wrong_was_kept(site: Site) -> None:
    done = entrepot("check", "--data", str(site.cache.data))
    assert (done.status, done.error) == (0, ""), done
