"""What is asked for comes from upstream, once, as its digests say, and is kept."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.content import EMPTY, OCI_MANIFEST, digest, dump, image, index
from tests.registry import MANIFESTS
from tests.upstream.cache.conftest import Caching
from tests.upstream.cache.shop import INDEX, LAYER, MANIFEST, OTHER, SMALL, Shop, opened
from tests.upstream.scripted import Asked, Say, Scripted, scripted
from tests.waiting import until
from tests.warm import entrepot

from entrepot.db import engine
from entrepot.db.generation import Generation

APP = "hub/team/app"


def manifest(client: httpx.Client, reference: str = "1", name: str = APP) -> httpx.Response:
    return client.get(f"/v2/{name}/manifests/{reference}", headers={"accept": MANIFESTS})


def blob(client: httpx.Client, content: bytes, name: str = APP, **headers: str) -> httpx.Response:
    return client.get(f"/v2/{name}/blobs/{digest(content)}", headers=headers)


def pull(client: httpx.Client, reference: str = "1", name: str = APP) -> None:
    """All of an image, compared with what upstream has; it is kept in the end."""
    assert manifest(client, reference, name).content == MANIFEST
    for part in (EMPTY, LAYER, SMALL):
        assert blob(client, part, name).content == part
    until(lambda: is_kept(client, LAYER, name))  # its last byte goes out before it is on the disk


def is_kept(client: httpx.Client, content: bytes, name: str = APP) -> bool:
    path, only = f"/v2/{name}/blobs/{digest(content)}", {"cache-control": "only-if-cached"}
    return client.head(path, headers=only).is_success


def asked(server: Scripted, content: bytes, method: str = "GET") -> list[str]:
    return [path for path in server.paths(method) if path.endswith(digest(content))]


def test_an_image_is_fetched_and_kept(caching: Caching) -> None:
    with opened() as (_, server):
        served = caching(server.address)
        pull(served.client)
        paths = server.paths()
        assert paths[0] == "/v2/team/app/manifests/1"
        assert len(paths) == 4
        found = manifest(served.client)
        assert found.headers["docker-content-digest"] == digest(MANIFEST)
        assert found.headers["content-type"] == OCI_MANIFEST
        pull(served.client)
        assert manifest(served.client, digest(MANIFEST)).content == MANIFEST
        assert server.paths() == paths


def test_what_is_kept_is_there_after_a_restart_without_upstream(caching: Caching) -> None:
    with opened() as (_, server):
        first = caching(server.address, tag_seconds=3600)
        pull(first.client)
    pull(caching(server.address, tag_seconds=3600).client)


def test_head_is_answered_like_get(caching: Caching) -> None:
    with opened() as (_, server):
        client = caching(server.address).client
        head = client.head(f"/v2/{APP}/manifests/1")
        assert head.headers["docker-content-digest"] == digest(MANIFEST)
        found = client.head(f"/v2/{APP}/blobs/{digest(LAYER)}")
        assert (found.status_code, found.headers["content-length"]) == (200, str(len(LAYER)))
        assert asked(server, LAYER) == [], "it was fetched for a question"
        missing = digest(b"something else")
        assert client.head(f"/v2/{APP}/blobs/{missing}").status_code == 404


def test_a_platform_is_fetched_when_it_is_asked_for(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.tags["multi"] = dump(INDEX)
        client = caching(server.address).client
        assert manifest(client, "multi").content == dump(INDEX)
        assert server.paths() == ["/v2/team/app/manifests/multi"]
        assert manifest(client, digest(OTHER)).content == OTHER
        assert blob(client, SMALL).content == SMALL
        assert asked(server, MANIFEST) == []


def test_a_client_that_takes_no_index_gets_an_image(caching: Caching) -> None:
    with opened() as (shop, server):
        children = INDEX["manifests"]
        platform = {"os": "linux", "architecture": "amd64"}
        listed = {**INDEX, "manifests": [children[0], {**children[1], "platform": platform}]}
        shop.tags["multi"] = dump(listed)
        client = caching(server.address).client
        url = f"/v2/{APP}/manifests/multi"
        found = client.get(url, headers={"accept": OCI_MANIFEST})
        assert found.content == OTHER


@pytest.mark.parametrize("start", [0, 1, 2_000_000])
def test_ranges_of_what_is_on_its_way(start: int, caching: Caching) -> None:
    with opened() as (_, server):
        client = caching(server.address).client
        manifest(client)
        found = blob(client, LAYER, range=f"bytes={start}-{start + 999_999}")
        assert found.status_code == 206
        assert found.content == LAYER[start : start + 1_000_000]
        assert found.headers["content-range"] == f"bytes {start}-{start + 999_999}/{len(LAYER)}"


def test_however_many_ask_it_is_fetched_once(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.gate = threading.Event()
        served = caching(server.address)

        def one(_: int) -> None:
            with httpx.Client(base_url=served.url, timeout=30) as client:
                pull(client)

        with ThreadPoolExecutor(40) as threads:
            pulls = [threads.submit(one, number) for number in range(40)]
            time.sleep(0.5)
            shop.gate.set()
            for each in pulls:
                each.result()
        assert len(server.paths()) == 4


def test_a_client_gets_what_has_come_while_more_comes(caching: Caching) -> None:
    """The first bytes do not wait for the last ones."""
    with opened() as (shop, server):
        shop.gate, shop.halt = threading.Event(), 1_000_000
        client = caching(server.address).client
        manifest(client)
        with client.stream("GET", f"/v2/{APP}/blobs/{digest(LAYER)}") as answer:
            parts = answer.iter_bytes()
            first = next(parts)
            shop.gate.set()
            assert first + b"".join(parts) == LAYER


def test_what_breaks_off_goes_on_where_it_was(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.cut = 900_000
        client = caching(server.address).client
        pull(client)
        ranges = [x.headers.get("range") for x in server.asked if x.path.endswith(digest(LAYER))]
        assert ranges == [None, "bytes=900000-", "bytes=1800000-", "bytes=2700000-"]


def test_who_goes_away_stops_nothing(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.cut = 500_000
        served = caching(server.address)
        manifest(served.client)
        with served.connect() as sock:
            sock.sendall(
                f"GET /v2/{APP}/blobs/{digest(LAYER)} HTTP/1.1\r\nhost: t\r\n\r\n".encode()
            )
            sock.recv(1000)
        assert blob(served.client, LAYER).content == LAYER
        assert len(asked(server, LAYER)) == 6


def test_only_what_a_manifest_needs_is_fetched(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.blobs.append(b"a secret of somebody's")
        client = caching(server.address).client
        manifest(client)
        assert blob(client, shop.blobs[-1]).status_code == 404
        assert asked(server, shop.blobs[-1]) == []


def test_a_layer_of_another_repository_is_not_fetched_again(caching: Caching) -> None:
    """The upstream must say that this one has it, too."""
    with opened() as (_, server):
        client = caching(server.address).client
        pull(client)
        pull(client, name="hub/team/other")
        assert len(asked(server, LAYER)) == 1
        assert asked(server, LAYER, "HEAD") == [f"/v2/team/other/blobs/{digest(LAYER)}"]


def test_a_layer_of_another_repository_is_fetched_where_nothing_says_that_it_is_there(
    caching: Caching,
) -> None:
    """Some registries redirect to a store by URLs that are signed for GET alone."""

    def refuses(asked: Asked) -> Say:
        looks = asked.method == "HEAD" and "/blobs/" in asked.path
        return Say(403) if looks else Shop().answer(asked)

    with scripted(refuses) as server:
        client = caching(server.address).client
        for name in (APP, "hub/team/other"):
            manifest(client, name=name)
            assert blob(client, LAYER, name).content == LAYER


def test_a_layer_that_is_refused_is_an_unknown_blob(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address).client
        manifest(client)
        shop.says = Say(403)
        for content in (SMALL, LAYER):
            found = blob(client, content)
            assert found.status_code == 404
            assert found.json()["errors"][0]["code"] == "BLOB_UNKNOWN"


def test_nothing_of_other_projects_is_handed_out(caching: Caching) -> None:
    """An upstream that names a private layer of ours has to send it itself."""
    with opened() as (shop, server):
        client = caching(server.address).client
        found = client.post(
            "/v2/team/secret/blobs/uploads/", params={"digest": digest(LAYER)}, content=LAYER
        )
        assert found.status_code == 201
        shop.blobs.remove(LAYER)
        manifest(client)
        assert blob(client, LAYER).status_code == 404


def test_pushes_are_refused_with_words(caching: Caching) -> None:
    with opened() as (_, server):
        client = caching(server.address).client
        found = client.post(f"/v2/{APP}/blobs/uploads/")
        assert found.status_code == 403
        assert "is filled by pulls alone: push to another project" in found.text
        headers = {"content-type": OCI_MANIFEST}
        found = client.put(f"/v2/{APP}/manifests/1", content=MANIFEST, headers=headers)
        assert found.status_code == 403


def test_all_platforms_come_where_that_is_wanted(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.tags["multi"] = dump(INDEX)
        client = caching(server.address, everything=True).client
        assert manifest(client, "multi").content == dump(INDEX)
        until(lambda: len(server.paths()) >= 6)
        assert len(server.paths()) == 6  # the index, two images, and three blobs between them


def test_a_platform_that_upstream_lacks_holds_up_no_other(
    caching: Caching, caplog: pytest.LogCaptureFixture
) -> None:
    with opened() as (shop, server):
        one, other = image(b"of one"), image(b"of the other")
        shop.tags["multi"] = dump(index(image(b"gone"), one, other))
        shop.manifests = [dump(one), dump(other)]
        shop.blobs = [EMPTY, b"of the other"]
        served = caching(server.address, everything=True)
        manifest(served.client, "multi")
        until(lambda: [x for x in caplog.messages if "not fetched whole" in x])
        said = [x for x in caplog.messages if "not fetched whole" in x]
        assert len(said) == 1, "it is told once of an image"
        with closing(engine.connect(served.folder)) as db:
            kept = {row[0] for row in db.execute("select digest from blob")}
        assert kept == {digest(EMPTY), digest(b"of the other")}


def test_a_check_finds_nothing_wrong_with_what_was_not_asked_for(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.tags["multi"] = dump(INDEX)
        served = caching(server.address)
        manifest(served.client, "multi")
        manifest(served.client)
        done = entrepot("check", "--data", str(served.folder))
        assert (done.status, done.error) == (0, ""), done


def test_backups_have_what_is_kept(caching: Caching, tmp_path: Path) -> None:
    """What was never fetched is no damage, and is fetched after a restore."""
    with opened() as (shop, server):
        shop.tags["multi"] = dump(INDEX)
        served = caching(server.address, tag_seconds=3600)
        manifest(served.client, "multi")
        pull(served.client)
        for words in (
            ("create", f"{tmp_path}/backup", "--data", str(served.folder)),
            ("verify", f"{tmp_path}/backup"),
            ("restore", f"{tmp_path}/backup", "--data", f"{tmp_path}/restored"),
        ):
            done = entrepot("backup", *words)
            assert (done.status, done.error) == (0, ""), done
        before = len(server.asked)
        restored = caching(server.address, "restored", tag_seconds=3600)
        pull(restored.client)
        assert len(server.asked) == before
        assert manifest(restored.client, digest(OTHER)).content == OTHER


def test_what_was_deleted_can_be_restored(caching: Caching) -> None:
    with opened() as (_, server):
        served = caching(server.address, tag_seconds=3600, settings={"trash_days": 1})
        manifest(served.client)
        assert served.client.delete(f"/v2/{APP}/manifests/1").status_code == 202
        pull(served.client)
        assert len(server.paths()) == 5


def test_on_another_server(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.cut = 900_000
        pull(caching(server.address, protocol="httptools").client)


@pytest.mark.parametrize(
    "damage",
    [
        "delete from piece",
        "delete from repository_blob",
        "update manifest set content = x''",
    ],
)
def test_what_is_lost_here_is_fetched_again(damage: str, caching: Caching) -> None:
    with opened() as (_, server):
        served = caching(server.address, tag_seconds=0.1, settings={"upkeep_pause": 3600})
        pull(served.client)
        served.settle()
        with closing(engine.connect(served.folder)) as db, db.exclusive():
            db.execute(damage)
        Generation(served.folder).bump()
        time.sleep(0.2)
        pull(served.client)
