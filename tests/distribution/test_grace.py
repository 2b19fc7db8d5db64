"""A blob that was said to be here stays for a grace, though no manifest needs it yet."""

from contextlib import closing

import httpx
import pytest
from tests.content import EMPTY, digest, dump, image, put_blob, put_image, put_manifest
from tests.served import Serve, Served
from tests.waiting import until

from entrepot.db import engine

APP = "team/app"
GRACE = 1000
LARGE = bytes(20_000)


def age(served: Served, content: bytes, seconds: float) -> None:
    """Have a blob be idle for so long already."""
    with closing(engine.connect(served.folder)) as db:
        db.execute(
            "update repository_blob set idle_since = unixepoch() - ? where blob = "
            "(select id from blob where digest = ?)",
            (seconds, digest(content)),
        )


def idle_for(served: Served, content: bytes) -> float | None:
    with closing(engine.connect(served.folder)) as db:
        found: float | None = db.execute(
            "select unixepoch() - idle_since from repository_blob where blob = "
            "(select id from blob where digest = ?)",
            (digest(content),),
        ).fetchone()[0]
        return found


def head(client: httpx.Client, content: bytes, method: str = "HEAD") -> int:
    return client.request(method, f"/v2/{APP}/blobs/{digest(content)}").status_code


@pytest.fixture
def served(serve: Serve) -> Served:
    return serve(collect_grace=GRACE).settle()


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
@pytest.mark.parametrize(("seconds", "renewed"), [(400, False), (600, True), (1500, True)])
def test_a_grace_that_is_half_over_begins_anew(
    served: Served, content: bytes, method: str, seconds: int, renewed: bool
) -> None:
    put_blob(served.client, APP, content)
    for _ in range(2):  # the second time nothing lies ready that would answer by itself
        age(served, content, seconds)
        assert head(served.client, content, method) == 200
        found = idle_for(served, content)
        assert found is not None
        assert (found < seconds / 2) == renewed


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["small", "large"])
def test_what_a_manifest_needs_costs_nothing(served: Served, content: bytes) -> None:
    put_image(served.client, APP, "1", content)
    age(served, content, 600)
    for _ in range(3):
        assert head(served.client, content) == 200
    assert (idle_for(served, content) or 0) >= 600


def test_what_lies_ready_is_forgotten_with_its_manifest(served: Served) -> None:
    found = put_image(served.client, APP, "1", b"small")
    assert head(served.client, b"small") == 200
    served.client.delete(f"/v2/{APP}/manifests/{found}").raise_for_status()
    age(served, b"small", 600)
    assert head(served.client, b"small") == 200
    assert (idle_for(served, b"small") or 0) < 300


def test_the_collector_runs_beside_a_push(serve: Serve) -> None:
    """With a grace of next to nothing: what a manifest needs stays, the rest goes."""
    served = serve(collect_grace=0.05, upkeep_pause=0.05)
    client = served.client
    for number in range(30):
        layer = b"layer %d" % number
        put_blob(client, APP, b"idle %d" % number)
        while True:
            for part in (EMPTY, layer):
                put_blob(client, APP, part)
            answer = client.put(
                f"/v2/{APP}/manifests/{number}",
                content=dump(image(layer)),
                headers={"content-type": image()["mediaType"]},
            )
            if answer.status_code == 201:
                break
            assert answer.json()["errors"][0]["code"] == "MANIFEST_BLOB_UNKNOWN"
    put_manifest(client, APP, "again", image(b"layer 0"))
    for number in range(30):
        assert head(client, b"layer %d" % number) == 200
    with closing(engine.connect(served.folder)) as db:  # to ask for one would renew its grace
        links = (
            "select count(*) from repository_blob x join blob b on b.id = x.blob where digest = ?"
        )
        until(lambda: db.execute(links, (digest(b"idle 0"),)).fetchone() == (0,))
    assert head(client, b"idle 0") == 404
