"""Blobs in a store of objects: large ones, a registry that is killed, a store that goes away."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.content import begin, digest, put_blob, put_image
from tests.registry import Registry, StartRegistry
from tests.replicas.link import Link
from tests.seaweed import Bucket
from tests.waiting import until

MIB = 1024 * 1024
LARGE = 300 * MIB
BOUND = 80 * MIB


@pytest.fixture
def registry(start_registry: StartRegistry, bucket: Bucket) -> Registry:
    return start_registry(**bucket.settings, upkeep_pause="0.5")


@pytest.fixture
def client(registry: Registry) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=registry.url, timeout=60) as client:
        yield client


def resident(registry: Registry, *, most: bool = False) -> int:
    """Bytes of memory that the registry has, or has ever had."""
    status = Path(f"/proc/{registry.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM" if most else "VmRSS")]
    return int(line.split()[1]) * 1024


def connect(registry: Registry) -> socket.socket:
    host, _, port = registry.address.rpartition(":")
    return socket.create_connection((host, int(port)), 60)


def large() -> Iterator[bytes]:
    """Different bytes in each MiB."""
    for number in range(LARGE // MIB):
        yield number.to_bytes(4, "big") * (MIB // 4)


@pytest.mark.parametrize("way", ["monolithic", "chunked"])
def test_memory_is_bounded_whatever_the_size(
    registry: Registry, client: httpx.Client, way: str
) -> None:
    put_blob(client, "team/app", os.urandom(9 * MIB))
    hasher = hashlib.sha256()
    for piece in large():
        hasher.update(piece)
    found = f"sha256:{hasher.hexdigest()}"
    before = resident(registry)
    location = begin(client, "team/app")
    if way == "chunked":
        assert client.patch(location, content=large()).status_code == 202
        answer = client.put(location, params={"digest": found})
    else:
        length = {"content-length": str(LARGE)}
        answer = client.put(location, params={"digest": found}, content=large(), headers=length)
    assert answer.status_code == 201
    pulled = hashlib.sha256()
    with client.stream("GET", f"/v2/team/app/blobs/{found}") as response:
        for piece in response.iter_raw():
            pulled.update(piece)
    assert pulled.hexdigest() == hasher.hexdigest()
    assert resident(registry, most=True) - before < BOUND


def test_a_reader_that_stalls_costs_little(registry: Registry, client: httpx.Client) -> None:
    content = os.urandom(32 * MIB)
    found = put_blob(client, "team/app", content)
    with client.stream("GET", f"/v2/team/app/blobs/{found}") as response:
        response.read()
    before, readers = resident(registry), 30
    request = f"GET /v2/team/app/blobs/{found} HTTP/1.1\r\nhost: t\r\n\r\n".encode()
    stalled = []
    for _ in range(readers):
        stalled.append(connect(registry))
        stalled[-1].sendall(request)
    time.sleep(2)
    assert resident(registry) - before < readers * 4 * MIB
    for reader in stalled:
        reader.close()
    assert client.get("/readyz").status_code == 200


def test_killed_in_mid_upload(registry: Registry, bucket: Bucket) -> None:
    """Nothing of it stays, neither in the database nor in the store."""
    with httpx.Client(base_url=registry.url) as client:
        kept = put_image(client, "team/app", "1", os.urandom(100_000))
        before = bucket.keys()
        location = begin(client, "team/app")
        client.patch(location, content=os.urandom(70_000))
    with connect(registry) as sock:
        head = f"PATCH {location} HTTP/1.1\r\nhost: t\r\ncontent-length: {LARGE}\r\n\r\n"
        sock.sendall(head.encode() + bytes(30 * MIB))
        until(lambda: len(bucket.uploads()) == 1)
        registry.kill()
    registry.settings["ENTREPOT_UPLOAD_EXPIRY"] = "1"
    registry.start()
    until(lambda: not bucket.uploads() and bucket.keys() == before)
    assert registry.digest("team/app", "1") == kept
    assert check(registry) == []


def check(registry: Registry) -> list[Any]:
    """What `entrepot check` finds."""
    command = [sys.executable, "-m", "entrepot", "check", "--data", str(registry.data), "--json"]
    environment = {**os.environ, **registry.settings}
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert done.returncode in {0, 1}, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_store_that_goes_away_and_comes_back(
    start_registry: StartRegistry, bucket: Bucket
) -> None:
    """Readiness says so, clients are told to try again, and what was answered is there."""
    content, other = os.urandom(24 * MIB), os.urandom(300_000)
    with Link(bucket.port) as link:
        settings = {**bucket.settings, "storage_endpoint": f"http://127.0.0.1:{link.port}"}
        registry = start_registry(**settings)
        with httpx.Client(base_url=registry.url, timeout=60) as client:
            pushed = put_image(client, "team/app", "1", content)
            path = f"/v2/team/app/blobs/{digest(content)}"
            with client.stream("GET", path) as stream:
                chunks = stream.iter_raw()
                next(chunks)
                link.cut()
                with pytest.raises(httpx.TransportError):  # it must not look like an end
                    list(chunks)
            assert client.get("/readyz").status_code == 503
            assert client.get("/readyz").json()["checks"]["store"] != "ok"
            assert registry.digest("team/app", "1") == pushed
            assert client.head(path).status_code == 200
            upload = f"/v2/team/app/blobs/uploads/?digest={digest(other)}"
            for answer in (client.get(path), client.post(upload, content=other)):
                assert answer.status_code == 503
                assert answer.json()["errors"][0]["code"] == "UNAVAILABLE"
                assert answer.headers["retry-after"]
            link.mend()
            until(lambda: client.get("/readyz").status_code == 200)
            assert client.get(path).content == content
            assert client.post(upload, content=other).status_code == 201
            assert registry.blob("team/app", digest(other)) == other
        registry.stop()
    registry.settings["ENTREPOT_STORAGE_ENDPOINT"] = bucket.endpoint
    assert [found for found in check(registry) if found["kind"] == "damage"] == []


def push_slowly(
    client: httpx.Client, content: bytes, amid: Callable[[], None] = lambda: None
) -> httpx.Response:
    """Push in a second or so, with something amid it; what was said in the end, or of a failure."""

    def slowly() -> Iterator[bytes]:
        for start in range(0, len(content), MIB):
            if start == 10 * MIB:
                amid()
            yield content[start : start + MIB]
            time.sleep(0.03)

    location = begin(client, "team/app")
    sent = client.patch(location, content=slowly())
    if sent.status_code != 202:
        return sent
    return client.put(location, params={"digest": digest(content)})


def test_pushes_outlive_a_short_cut(start_registry: StartRegistry, bucket: Bucket) -> None:
    content = os.urandom(40 * MIB)
    with Link(bucket.port) as link:
        settings = {**bucket.settings, "storage_endpoint": f"http://127.0.0.1:{link.port}"}
        registry = start_registry(**settings)
        with httpx.Client(base_url=registry.url, timeout=60) as client:

            def cut() -> None:
                link.cut()
                time.sleep(0.5)
                link.mend()

            tries = [push_slowly(client, content, cut)]
            if tries[0].status_code == 503:  # cut amid an answer, which obstore cannot ask again
                tries.append(push_slowly(client, content))
            assert tries[-1].status_code == 201, [each.text for each in tries]
            assert client.get(f"/v2/team/app/blobs/{digest(content)}").content == content


def test_a_blob_whose_object_is_lost_is_healed_by_a_push(
    registry: Registry, client: httpx.Client, bucket: Bucket
) -> None:
    content = os.urandom(300_000)
    put_image(client, "team/app", "1", content)
    for spoil in (lost, cut_short):
        spoil(bucket)
        answer = client.get(f"/v2/team/app/blobs/{digest(content)}")
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["code"] == "BLOB_UNKNOWN"
        assert [found["kind"] for found in check(registry)] == ["damage"]
        put_blob(client, "team/app", content)
        assert client.get(f"/v2/team/app/blobs/{digest(content)}").content == content


def lost(bucket: Bucket) -> None:
    bucket.s3.delete_object(Bucket=bucket.name, Key=objects(bucket)[0])


def cut_short(bucket: Bucket) -> None:
    bucket.s3.put_object(Bucket=bucket.name, Key=objects(bucket)[0], Body=b"short")


def objects(bucket: Bucket) -> list[str]:
    keys = bucket.keys()
    return [key for key in keys if key.count("/") == 2]
