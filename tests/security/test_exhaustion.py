"""Requests that ask for much, or send it: the answer is bounded, in time and in memory."""

import json
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.content import (
    EMPTY,
    OCI_INDEX,
    Document,
    digest,
    dump,
    image,
    index,
    put_blob,
    put_image,
    put_manifest,
    try_manifest,
)
from tests.registry import StartRegistry
from tests.served import Serve, Served, codes

from entrepot.db.manifests import MAX_DEPTH, MAX_TOLD
from entrepot.oci.manifest import MAX_BYTES, MAX_CONTAINERS


@pytest.mark.parametrize("n", ["0", "-1", str(10**18), "9" * 3000, "many", "", "1e9", "٣", "0x7f"])
@pytest.mark.parametrize("address", ["/v2/_catalog", "/v2/{}/tags/list", "/v2/{}/referrers/{}"])
def test_cve_2023_2253_n(client: httpx.Client, repository: str, address: str, n: str) -> None:
    made = put_image(client, repository, "t")
    answer = client.get(address.format(repository, made), params={"n": n})
    if answer.status_code != 200:
        assert (answer.status_code, codes(answer.content)) == (400, ["PAGINATION_NUMBER_INVALID"])
        assert not n.isascii() or not n.isdigit()
    assert len(answer.content) < 100_000


def peak(pid: int) -> int:
    """The most memory, in MiB, that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def test_cve_2023_2253_memory(start_registry: StartRegistry) -> None:
    """A body without an end, and a length of a tebibyte, cost no memory."""
    registry = start_registry()
    before = peak(registry.pid)
    mebibyte = b" " * (1 << 20)
    with httpx.Client(base_url=registry.url, timeout=30) as client:
        with suppress(httpx.TransportError):  # it may hang up on us, which is an answer too
            answer = client.put("/v2/a/manifests/t", content=(mebibyte for _ in range(1000)))
            assert answer.status_code == 413
        for n in (10**9, 10**18):
            client.get(f"/v2/_catalog?n={n}")
    assert peak(registry.pid) - before < 40


@pytest.mark.parametrize("lines", [1, 1000])
def test_headers(serve: Serve, lines: int) -> None:
    header = b"x-a: " + b"x" * (200_000 // lines)
    assert serve().ask(b"/v2/", *[header] * lines).status == 431


def test_tiny_chunks(served: Served, repository: str) -> None:
    head = f"PUT /v2/{repository}/manifests/t HTTP/1.1\r\nhost: t\r\n".encode()
    tiny = b"1\r\n{\r\n" + b"1\r\n \r\n" * 100_000 + b"1\r\n}\r\n0\r\n\r\n"
    answer = served.raw(head + b"transfer-encoding: chunked\r\n\r\n" + tiny)
    assert (answer.status, answer.codes) == (400, ["MANIFEST_INVALID"])


def nested(depth: int, around: str = "[") -> bytes:
    value = "[" * depth + "]" * depth if around == "[" else '{"a":' * depth + "1" + "}" * depth
    return dump(image(unknown="@")).replace(b'"@"', value.encode())


@pytest.mark.parametrize("around", ["[", "{"])
@pytest.mark.parametrize("depth", [100, 900, 990, 1000, 1010, 5000, 400_000])
def test_json_depth(client: httpx.Client, repository: str, depth: int, around: str) -> None:
    put_blob(client, repository, EMPTY)
    answer = try_manifest(client, repository, "t", nested(depth, around))
    if depth <= 900:
        assert answer.status_code == 201
    else:
        assert answer.status_code == 201 or codes(answer.content) == ["MANIFEST_INVALID"]
        assert depth < 1000 or answer.status_code == 400


@pytest.mark.parametrize(("count", "status"), [(MAX_CONTAINERS - 10, 201), (MAX_CONTAINERS, 400)])
def test_lists_without_number(
    client: httpx.Client, repository: str, count: int, status: int
) -> None:
    put_blob(client, repository, EMPTY)
    content = dump(image(unknown="@")).replace(b'"@"', b"[" + b",".join([b"[]"] * count) + b"]")
    assert try_manifest(client, repository, "t", content).status_code == status


@pytest.mark.parametrize("number", ["9" * 4000, "9" * 5000, "1e999999999", "-0", "1E400", "0.1"])
def test_numbers(client: httpx.Client, repository: str, number: str) -> None:
    put_blob(client, repository, EMPTY)
    for place in (b'"size": 2', b'"schemaVersion": 2', b'"unknown": 2'):
        content = dump({**image(), "unknown": 2}).replace(place, place[:-1] + number.encode())
        answer = try_manifest(client, repository, "t", content)
        assert answer.status_code in {201, 400}


def test_what_is_missing_is_told_within_bounds(client: httpx.Client, repository: str) -> None:
    document = image(*(str(n).encode() for n in range(5000)))
    answer = try_manifest(client, repository, "t", dump(document))
    assert codes(answer.content) == ["MANIFEST_BLOB_UNKNOWN"]
    assert len(answer.json()["errors"][0]["detail"]) == MAX_TOLD
    assert f"and {5001 - MAX_TOLD} more" in answer.text
    assert len(answer.content) < 200_000


def test_the_largest_annotation(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, EMPTY)
    room = MAX_BYTES - len(dump(image(annotations={"a": ""})))
    put_manifest(client, repository, "t", image(annotations={"a": "x" * room}))
    assert len(client.get(f"/v2/{repository}/manifests/t").content) == MAX_BYTES


def test_indexes_within_indexes(client: httpx.Client, repository: str) -> None:
    put_image(client, repository, "image")
    document: Document = image()
    for _ in range(MAX_DEPTH):
        document = index(document)
        put_manifest(client, repository, digest(dump(document)), document)
    answer = try_manifest(client, repository, "t", dump(index(document)), OCI_INDEX)
    assert (answer.status_code, codes(answer.content)) == (400, ["MANIFEST_INVALID"])
    assert "16 indexes" in answer.text


def test_a_diamond_of_indexes_is_no_explosion(client: httpx.Client, repository: str) -> None:
    """Two indexes on every floor, each with both of the floor below: 2^16 ways down."""
    put_image(client, repository, "image")
    floor = [image(), image()]
    for level in range(MAX_DEPTH):
        notes = [{"level": f"{level}.{side}"} for side in range(2)]
        floor = [index(*floor, annotations=note) for note in notes]
        for document in floor:
            put_manifest(client, repository, digest(dump(document)), document)
    answer = client.get(f"/v2/{repository}/manifests/{digest(dump(floor[0]))}")
    assert json.loads(answer.content) == floor[0]
