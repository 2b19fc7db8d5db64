"""The ways in which a client may push a blob. Each returns once the registry has said 201."""

from collections.abc import Callable, Iterator
from typing import Protocol

from tests.crash.connection import Connection
from tests.crash.content import Content

CHUNK = 96 * 1024


class Follow(Protocol):
    """Told of an upload's address, how many of its bytes were acknowledged, and that it ends."""

    def __call__(self, location: str, size: int, *, ending: bool = False) -> None: ...


def forget(location: str, size: int, *, ending: bool = False) -> None:
    """What becomes of the upload is nobody's concern."""


Way = Callable[[Connection, str, Content, Follow], None]


def uploads(repository: str) -> str:
    return f"/v2/{repository}/blobs/uploads/"


def post_only(at: Connection, repository: str, content: Content, _follow: Follow) -> None:
    at.expect(201, "POST", f"{uploads(repository)}?digest={content.digest}", content.data)


def post_put(at: Connection, repository: str, content: Content, follow: Follow) -> None:
    location = _begin(at, repository, follow)
    follow(location, 0, ending=True)
    finish(at, location, content, content.data)


def patched(at: Connection, repository: str, content: Content, follow: Follow) -> None:
    location = _begin(at, repository, follow)
    follow(location, at.expect(202, "PATCH", location, content.data).size)
    follow(location, content.size, ending=True)
    finish(at, location, content)


def streamed(at: Connection, repository: str, content: Content, follow: Follow) -> None:
    """One PATCH whose length nobody says, as Docker does."""
    location = _begin(at, repository, follow)
    answer = at.expect(202, "PATCH", location, (piece for _, piece in pieces(content.data, CHUNK)))
    assert answer.size == content.size
    follow(location, content.size, ending=True)
    finish(at, location, content)


def chunked(at: Connection, repository: str, content: Content, follow: Follow) -> None:
    """Several PATCHes, and the last bytes with the PUT."""
    location = _begin(at, repository, follow)
    *first, (size, rest) = pieces(content.data, CHUNK)
    for start, piece in first:
        span = {"Content-Range": f"{start}-{start + len(piece) - 1}"}
        follow(location, at.expect(202, "PATCH", location, piece, span).size)
    follow(location, size, ending=True)
    finish(at, location, content, rest)


def pieces(data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(data), size):
        yield start, data[start : start + size]


def _begin(at: Connection, repository: str, follow: Follow) -> str:
    location = at.expect(202, "POST", uploads(repository), b"").location
    follow(location, 0)
    return location


def finish(at: Connection, location: str, content: Content, rest: bytes = b"") -> None:
    answer = at.expect(201, "PUT", f"{location}?digest={content.digest}", rest)
    assert answer.digest == content.digest


WAYS: list[Way] = [post_only, post_put, patched, streamed, chunked]
