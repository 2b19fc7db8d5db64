"""Redirects: who may reach the store gets large blobs from it, and nobody else notices."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.content import begin, digest, image, put_blob, put_image, put_manifest
from tests.distribution.conftest import on
from tests.registry import serving as serving_process
from tests.seaweed import Bucket
from tests.served import CLASSES, Served, serving

from entrepot.distribution.redirects import Redirects
from entrepot.encryption.keys import MasterKey

LAYER = os.urandom(300_000)
SMALL = b"few bytes"


@pytest.fixture(scope="module", params=CLASSES)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("redirects") / "data"
    with on(request, folder, objects=True, storage_redirect="all") as served:
        yield served


def path(repository: str, content: bytes) -> str:
    return f"/v2/{repository}/blobs/{digest(content)}"


@pytest.mark.parametrize("kept", [True, False], ids=["in a manifest", "alone"])
def test_a_large_blob_comes_from_the_store(served: Served, repository: str, *, kept: bool) -> None:
    client = served.client
    put_blob(client, repository, LAYER)
    if kept:
        put_image(client, repository, "1", LAYER)
    for _ in range(3):
        answer = client.get(path(repository, LAYER))
        assert (answer.status_code, answer.content) == (307, b"")
        assert answer.headers["docker-content-digest"] == digest(LAYER)
        assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
        assert answer.headers["x-request-id"]
        found = httpx.get(answer.headers["location"])
        assert (found.status_code, found.content) == (200, LAYER)
        assert found.headers["content-type"] == "application/octet-stream"
        assert served.address[1] != found.url.port


def test_a_range_goes_along(served: Served, repository: str) -> None:
    put_blob(served.client, repository, LAYER)
    where = {"range": "bytes=100000-100099"}
    answer = served.client.get(path(repository, LAYER), headers=where, follow_redirects=True)
    assert (answer.status_code, answer.content) == (206, LAYER[100_000:100_100])
    beyond = {"range": "bytes=900000-"}
    assert served.client.get(path(repository, LAYER), headers=beyond).status_code == 416


def test_what_we_answer_ourselves(served: Served, repository: str) -> None:
    client = served.client
    put_image(client, repository, "1", LAYER, SMALL)
    client.get(path(repository, LAYER))
    head = client.head(path(repository, LAYER))
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(LAYER)))
    assert client.get(path(repository, SMALL)).content == SMALL
    known = {"if-none-match": f'"{digest(LAYER)}"'}
    assert client.get(path(repository, LAYER), headers=known).status_code == 304


def test_a_blob_in_several_pieces_is_streamed(served: Served, repository: str) -> None:
    location = begin(served.client, repository)
    for start in range(0, len(LAYER), 100_000):
        served.client.patch(location, content=LAYER[start : start + 100_000])
    wanted = LAYER + b"!"
    ended = served.client.put(location, params={"digest": digest(wanted)}, content=b"!")
    assert ended.status_code == 201
    answer = served.client.get(path(repository, wanted))
    assert (answer.status_code, answer.content) == (200, wanted)


def test_what_lies_encrypted_is_streamed(tmp_path: Path, bucket: Bucket) -> None:
    key = {"encryption_key": MasterKey.new().line}
    settings = {**bucket.settings, **key, "storage_redirect": "all"}
    with serving(tmp_path, "own", **settings) as served:
        put_image(served.client, "team/app", "1", LAYER)
        answer = served.client.get(path("team/app", LAYER))
        assert (answer.status_code, answer.content) == (200, LAYER)


def test_who_may_not_pull_it_is_sent_nowhere(served: Served, repository: str) -> None:
    """Also where the answer lies ready for another repository, or did until a moment ago."""
    client = served.client
    pushed = put_image(client, repository, "1", LAYER)
    assert client.get(path(repository, LAYER)).status_code == 307
    assert client.get(path(f"{repository}/other", LAYER)).status_code == 404
    assert client.delete(f"/v2/{repository}/manifests/{pushed}").status_code == 202
    assert client.delete(path(repository, LAYER)).status_code == 202
    assert client.get(path(repository, LAYER)).status_code == 404


@pytest.mark.parametrize(
    ("said", "status"), [("127.0.0.0/8", 307), ("10.0.0.0/8", 200), ("none", 200)]
)
def test_networks(tmp_path: Path, bucket: Bucket, said: str, status: int) -> None:
    with serving(tmp_path, "own", **bucket.settings, storage_redirect=said) as served:
        put_image(served.client, "team/app", "1", LAYER)
        for _ in range(2):
            answer = served.client.get(path("team/app", LAYER))
            assert answer.status_code == status
        followed = served.client.get(path("team/app", LAYER), follow_redirects=True)
        assert followed.content == LAYER


@pytest.mark.parametrize(
    ("said", "client", "reached"),
    [
        (("10.0.0.0/8",), "10.1.2.3", True),
        (("10.0.0.0/8",), "::ffff:10.1.2.3", True),
        (("10.0.0.0/8",), "11.1.2.3", False),
        (("10.0.0.0/8", "2001:db8::/32"), "2001:db8::1", True),
        (("10.0.0.0/8",), "-", False),
        (("all",), "-", True),
        ((), "10.1.2.3", False),
    ],
)
def test_reach(said: tuple[str, ...], client: str, *, reached: bool) -> None:
    assert Redirects.parse(said).reach(client) is reached


def test_no_log_has_the_url(tmp_path: Path, bucket: Bucket) -> None:
    """It is good for whoever reads it."""
    with serving_process(tmp_path, **bucket.settings, storage_redirect="all") as registry:
        with httpx.Client(base_url=registry.url) as client:
            put_image(client, "team/app", "1", LAYER)
            signed = [client.get(path("team/app", LAYER)).headers["location"] for _ in range(2)]
            put_manifest(client, "team/app", "2", image(LAYER, annotations={"a": "b"}))
            assert "X-Amz-Signature" in signed[0]
            metrics = client.get("/metrics").text
        registry.stop()
        assert 'status="307"' in metrics
        log = registry.log.read_text()
        assert path("team/app", LAYER) in log
        assert "X-Amz" not in log + metrics
