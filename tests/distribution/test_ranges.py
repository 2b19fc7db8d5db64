"""Blobs in ranges and on conditions; small ones lie in the database, large ones in files."""

import httpx
import pytest
from tests.content import digest, put_blob
from tests.served import codes

SIZES = (0, 1, 1000, 200_000)

# What is asked, and which of the content's bytes come: None for all of it, NOTHING for 416.
NOTHING = slice(0, 0)
RANGES: dict[str, slice | None] = {
    "bytes=0-0": slice(0, 1),
    "bytes=0-": slice(0, None),
    "bytes=1-3": slice(1, 4),
    "bytes=5-": slice(5, None),
    "bytes=-1": slice(-1, None),
    "bytes=-300000": slice(0, None),
    "bytes=0-999999999999": slice(0, None),
    "bytes=-0": NOTHING,
    "bytes=300000-": NOTHING,
    "bytes=300000-400000": NOTHING,
    "bytes=3-1": NOTHING,
    "bytes= 1-3": slice(1, 4),
    "": None,
    "bytes": None,
    "bytes=": None,
    "bytes=-": None,
    "bytes=a-b": None,
    "bytes=0-1,3-4": None,
    "bytes=0x1-2": None,
    "bytes=1 - 3": None,
    "items=0-1": None,
    "bytes=99999999999999999999-": None,
}


@pytest.fixture
def address(client: httpx.Client, repository: str, size: int) -> str:
    return f"/v2/{repository}/blobs/{put_blob(client, repository, content_of(size))}"


def content_of(size: int) -> bytes:
    return bytes(i % 251 for i in range(size))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("asked", RANGES)
def test_range(client: httpx.Client, address: str, size: int, asked: str) -> None:
    content, expected = content_of(size), RANGES[asked]
    answer = client.get(address, headers={"range": asked})
    if expected is None:
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["accept-ranges"] == "bytes"
    elif not content[expected]:
        assert (answer.status_code, codes(answer.content)) == (416, ["RANGE_INVALID"])
        assert answer.headers["content-range"] == f"bytes */{size}"
    else:
        start, stop, _ = expected.indices(size)
        assert (answer.status_code, answer.content) == (206, content[expected])
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.headers["content-length"] == str(stop - start)
        assert answer.headers["docker-content-digest"] == digest(content)


@pytest.mark.parametrize("size", SIZES)
def test_head_knows_no_ranges(client: httpx.Client, address: str, size: int) -> None:
    answer = client.head(address, headers={"range": "bytes=1-3"})
    assert answer.status_code == 200
    assert answer.headers["content-length"] == str(size)


@pytest.mark.parametrize("size", SIZES[2:])
@pytest.mark.parametrize(
    ("condition", "whole"),
    [
        ("{etag}", False),
        ("", False),
        ("W/{etag}", True),
        ('"other"', True),
        ("Sat, 29 Oct 1994 19:43:31 GMT", True),
    ],
)
def test_if_range(
    client: httpx.Client, address: str, size: int, condition: str, *, whole: bool
) -> None:
    etag = f'"{digest(content_of(size))}"'
    headers = {"range": "bytes=1-3", "if-range": condition.format(etag=etag)}
    answer = client.get(address, headers=headers)
    assert answer.status_code == (200 if whole else 206)
    assert answer.content == (content_of(size) if whole else content_of(size)[1:4])


NONE_MATCH = {
    '"{digest}"': True,
    'W/"{digest}"': True,
    "{digest}": True,
    "*": True,
    '"other", "{digest}"': True,
    '"other"': False,
    "": False,
    '"sha256:0"': False,
    '"{digest}x"': False,
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("condition", NONE_MATCH)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match(
    client: httpx.Client, address: str, size: int, condition: str, method: str
) -> None:
    found = digest(content_of(size))
    client.get(address)  # lies ready from now on
    header = {"if-none-match": condition.format(digest=found)}
    answer = client.request(method, address, headers=header)
    assert answer.status_code == (304 if NONE_MATCH[condition] else 200)
    assert answer.headers["etag"] == f'"{found}"'
    if answer.status_code == 304:
        assert answer.content == b""


@pytest.mark.parametrize("size", SIZES[1:])
def test_condition_before_range(client: httpx.Client, address: str, size: int) -> None:
    etag = f'"{digest(content_of(size))}"'
    answer = client.get(address, headers={"if-none-match": etag, "range": "bytes=0-0"})
    assert answer.status_code == 304
