"""Two servers over one folder, and workers of one: none shows what another has seen change."""

import threading
from pathlib import Path

import httpx
import pytest
from tests.content import EMPTY, digest, dump, image, put_blob, put_image, put_manifest
from tests.registry import StartRegistry
from tests.served import Serve, Served

from entrepot.db import engine


@pytest.fixture
def two(serve: Serve, tmp_path: Path) -> list[Served]:
    return [serve(data=tmp_path / "data", workers=2) for _ in range(2)]


def test_a_moved_tag_is_seen_at_once(two: list[Served]) -> None:
    put_image(two[0].client, "a", "t")
    for number in range(200):
        writer, reader = (two[number % 2].client, two[1 - number % 2].client)
        document = image(annotations={"n": str(number)})
        put_manifest(writer, "a", "t", document)
        for client in (reader, writer, reader):  # the second time from what lies ready
            assert client.get("/v2/a/manifests/t").content == dump(document)


@pytest.mark.parametrize("size", [100, 100_000])
def test_what_was_deleted_is_gone_at_once(two: list[Served], size: int) -> None:
    first, second = (served.client for served in two)
    layer = b"y" * size
    made = put_image(first, "a", "t", layer)
    manifests = ["/v2/a/manifests/t", f"/v2/a/manifests/{made}"]
    blobs = [f"/v2/a/blobs/{digest(layer)}", f"/v2/a/blobs/{digest(EMPTY)}"]
    for address in [*manifests, *blobs] * 2:
        assert second.get(address).status_code == first.get(address).status_code == 200
    first.delete(manifests[1])
    for address in manifests:
        assert second.get(address).status_code == second.head(address).status_code == 404
    for address in blobs:
        first.delete(address)
        assert second.get(address).status_code == second.head(address).status_code == 404


def test_an_upload_goes_on_at_the_other_one(two: list[Served]) -> None:
    first, second = (served.client for served in two)
    content = bytes(range(256)) * 1000
    location = first.post("/v2/a/blobs/uploads/").headers["location"]
    for number, start in enumerate(range(0, len(content), 50_000)):
        piece = content[start : start + 50_000]
        where = {"content-range": f"{start}-{start + len(piece) - 1}"}
        answer = (second, first)[number % 2].patch(location, content=piece, headers=where)
        assert answer.status_code == 202
    answer = second.put(location, params={"digest": digest(content)})
    assert answer.status_code == 201
    assert first.get(answer.headers["location"]).content == content


def test_workers_of_one_registry_agree(start_registry: StartRegistry) -> None:
    registry = start_registry(workers=2)
    clients = [httpx.Client(base_url=registry.url) for _ in range(6)]  # connections of any worker
    try:
        put_blob(clients[0], "a", EMPTY)
        for number in range(60):
            document = image(annotations={"n": str(number)})
            put_manifest(clients[number % 6], "a", "t", document)
            for client in clients:
                assert client.get("/v2/a/manifests/t").content == dump(document)
        clients[0].delete("/v2/a/manifests/t")
        for client in clients:
            assert client.get("/v2/a/manifests/t").status_code == 404
    finally:
        for client in clients:
            client.close()


def test_an_upload_is_known_to_all_before_it_is_told_of(two: list[Served]) -> None:
    """However long the database is busy with something else."""
    first, second = (served.client for served in two)
    busy = engine.connect(two[0].folder)
    busy.execute("begin immediate")
    release = threading.Timer(0.6, busy.rollback)
    release.start()
    location = first.post("/v2/busy/blobs/uploads/").headers["location"]
    assert second.patch(location, content=b"bytes").status_code == 202
    release.join()
    busy.close()
