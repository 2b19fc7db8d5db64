"""Uploads step by step: where one stands after whatever a client may do."""

import httpx
import pytest
from tests.content import begin, digest, put_blob
from tests.served import codes

from entrepot.db.pieces import SMALL

SIZES = (0, 1, SMALL, SMALL + 1, 300_000)


def content_of(size: int) -> bytes:
    return bytes(i % 253 for i in range(size))


def stands(client: httpx.Client, location: str) -> int:
    """How many bytes the upload has, by its own word; 0 and 1 look the same."""
    answer = client.get(location)
    assert answer.status_code == 204
    assert answer.headers["location"] == location
    assert answer.headers["docker-upload-uuid"] == location.rpartition("/")[2]
    first, _, last = answer.headers["range"].partition("-")
    assert first == "0"
    return int(last) + 1


def chunk(client: httpx.Client, location: str, start: int, content: bytes) -> httpx.Response:
    header = {"content-range": f"{start}-{start + len(content) - 1}"}
    return client.patch(location, content=content, headers=header)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("way", ["post", "put", "patch", "chunks", "chunked post", "chunked patch"])
def test_ways_of_pushing(
    client: httpx.Client, repository: str, size: int, algorithm: str, way: str
) -> None:
    content = content_of(size)
    found = digest(content, algorithm)
    uploads = f"/v2/{repository}/blobs/uploads/"
    body = iter([content]) if way.startswith("chunked") else content
    if way.endswith("post"):
        answer = client.post(uploads, params={"digest": found}, content=body)
    else:
        location = begin(client, repository)
        if way.endswith("patch"):
            assert client.patch(location, content=body).status_code == 202
        elif way == "chunks":
            for start in range(0, size, 100_000):
                piece = content[start : start + 100_000]
                assert chunk(client, location, start, piece).status_code == 202
                assert stands(client, location) == start + len(piece)
        last = content if way == "put" else b""
        answer = client.put(location, params={"digest": found}, content=last)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v2/{repository}/blobs/{found}"
    assert answer.headers["docker-content-digest"] == found
    pulled = client.get(answer.headers["location"])
    assert (pulled.status_code, pulled.content) == (200, content)
    assert pulled.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("first", [1, SMALL, 100_000])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_begun_for_an_algorithm(
    client: httpx.Client, repository: str, first: int, algorithm: str
) -> None:
    content = content_of(300_000)
    for named in ("sha256", "sha512"):
        location = begin(client, repository, **{"digest-algorithm": named})
        client.patch(location, content=content[:first])
        found = digest(content, algorithm)
        answer = client.put(location, params={"digest": found}, content=content[first:])
        assert answer.status_code == 201


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ("digest-algorithm=md5", "DIGEST_INVALID"),
        ("digest=md5:00", "DIGEST_INVALID"),
        ("digest=", "DIGEST_INVALID"),
        ("digest=sha256:0", "DIGEST_INVALID"),
        ("mount=latest", "DIGEST_INVALID"),
        ("mount=", "DIGEST_INVALID"),
    ],
)
def test_begun_badly(client: httpx.Client, repository: str, parameters: str, code: str) -> None:
    answer = client.post(f"/v2/{repository}/blobs/uploads/?{parameters}")
    assert (answer.status_code, codes(answer.content)) == (400, [code])


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("offset", [-5, -1, 1, 5, 10**17])
def test_chunk_at_the_wrong_place(
    client: httpx.Client, repository: str, size: int, offset: int
) -> None:
    content = content_of(2 * size)
    location = begin(client, repository)
    chunk(client, location, 0, content[:size])
    for method in ("PATCH", "PUT"):
        header = {"content-range": f"{size + offset}-{2 * size + offset - 1}"}
        answer = client.request(
            method,
            location,
            content=content[size:],
            headers=header,
            params={"digest": digest(content)},
        )
        assert (answer.status_code, codes(answer.content)) == (416, ["BLOB_UPLOAD_INVALID"])
        assert answer.headers["range"] == f"0-{size - 1}"
        assert answer.headers["location"] == location
        assert stands(client, location) == size
    assert chunk(client, location, size, content[size:]).status_code == 202
    answer = client.put(location, params={"digest": digest(content)})
    assert answer.status_code == 201


@pytest.mark.parametrize("size", [9, 11, 1])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_chunk_of_another_length_than_it_says(
    client: httpx.Client, repository: str, size: int, method: str, *, chunked: bool
) -> None:
    location = begin(client, repository)
    client.patch(location, content=b"0123456789")
    body = b"x" * size
    answer = client.request(
        method,
        location,
        content=iter([body]) if chunked else body,
        headers={"content-range": "10-19"},
        params={"digest": digest(b"0123456789" + body)},
    )
    assert (answer.status_code, codes(answer.content)) == (400, ["SIZE_INVALID"])
    assert stands(client, location) == 10
    assert chunk(client, location, 10, b"abc").status_code == 202
    answer = client.put(location, params={"digest": digest(b"0123456789abc")})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "header", ["1", "a-b", "5-3", "-3", "0-", "bytes 0-x", "0-1/x", "items 0-9"]
)
def test_content_range_that_is_none(client: httpx.Client, repository: str, header: str) -> None:
    location = begin(client, repository)
    answer = client.patch(location, content=b"0123456789", headers={"content-range": header})
    assert (answer.status_code, codes(answer.content)) == (400, ["BLOB_UPLOAD_INVALID"])


@pytest.mark.parametrize("header", ["0-9", "bytes 0-9/*", "bytes 0-9/10", "bytes=0-9"])
def test_content_range_as_others_write_it(
    client: httpx.Client, repository: str, header: str
) -> None:
    location = begin(client, repository)
    answer = client.patch(location, content=b"0123456789", headers={"content-range": header})
    assert (answer.status_code, answer.headers["range"]) == (202, "0-9")


@pytest.mark.parametrize("size", SIZES)
def test_wrong_digest_ends_the_upload(client: httpx.Client, repository: str, size: int) -> None:
    content, wrong = content_of(size), digest(b"something else")
    location = begin(client, repository)
    client.patch(location, content=content)
    answer = client.put(location, params={"digest": wrong})
    assert (answer.status_code, codes(answer.content)) == (400, ["DIGEST_INVALID"])
    assert answer.json()["errors"][0]["detail"] == {"digest": wrong, "received": digest(content)}
    assert client.get(location).status_code == 404
    for found in (wrong, digest(content)):
        assert client.get(f"/v2/{repository}/blobs/{found}").status_code == 404


@pytest.mark.parametrize("query", ["", "?digest=", "?digest=sha256:0", "?digest=latest"])
def test_put_without_a_digest_changes_nothing(
    client: httpx.Client, repository: str, query: str
) -> None:
    location = begin(client, repository)
    client.patch(location, content=b"0123456789")
    answer = client.put(location + query, content=b"more")
    assert (answer.status_code, codes(answer.content)) == (400, ["DIGEST_INVALID"])
    assert stands(client, location) == 10


@pytest.mark.parametrize("size", SIZES)
def test_cancel(client: httpx.Client, repository: str, size: int) -> None:
    location = begin(client, repository)
    client.patch(location, content=content_of(size))
    assert client.delete(location).status_code == 204
    answer = client.put(location, params={"digest": digest(content_of(size))})
    assert (answer.status_code, codes(answer.content)) == (404, ["BLOB_UPLOAD_UNKNOWN"])


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_finished_upload_is_over(client: httpx.Client, repository: str, method: str) -> None:
    location = begin(client, repository)
    finish = {"digest": digest(b"done")}
    assert client.put(location, params=finish, content=b"done").status_code == 201
    answer = client.request(method, location, params=finish)
    assert (answer.status_code, codes(answer.content)) == (404, ["BLOB_UPLOAD_UNKNOWN"])


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("origin", ["named", "any"])
def test_mount(
    client: httpx.Client, repository: str, size: int, algorithm: str, origin: str
) -> None:
    found = put_blob(client, f"{repository}-from", content_of(size), algorithm)
    wanted = {"mount": found} | ({"from": f"{repository}-from"} if origin == "named" else {})
    answer = client.post(f"/v2/{repository}/blobs/uploads/", params=wanted)
    assert (answer.status_code, answer.headers["docker-content-digest"]) == (201, found)
    assert client.get(answer.headers["location"]).content == content_of(size)


@pytest.mark.parametrize("origin", ["nowhere/at-all", "Not A Name", "../../etc", "", "a%00"])
def test_mount_of_what_is_not_there_becomes_an_upload(
    client: httpx.Client, repository: str, origin: str
) -> None:
    content = repository.encode()
    wanted = {"mount": digest(content), "from": origin}
    answer = client.post(f"/v2/{repository}/blobs/uploads/", params=wanted)
    assert answer.status_code == 202
    answer = client.put(
        answer.headers["location"], params={"digest": digest(content)}, content=content
    )
    assert answer.status_code == 201
