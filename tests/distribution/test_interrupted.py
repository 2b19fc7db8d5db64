"""Uploads whose connection dies, and uploads with more than one writer."""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from tests.content import begin, digest
from tests.distribution.conftest import on
from tests.served import CLASSES, Served, codes, read
from tests.waiting import until

from entrepot.db import engine
from entrepot.upkeep.check import findings

CONTENT = os.urandom(400_000)


@pytest.fixture(scope="module", params=[*CLASSES, "objects"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server whose collector comes by all the time; in the end nothing is damaged."""
    folder = tmp_path_factory.mktemp("interrupted") / "data"
    with on(request, folder, upkeep_pause=0.05) as served:
        yield served
        assert damage(served) == []


def head(location: str, size: int, method: str = "PATCH") -> bytes:
    return f"{method} {location} HTTP/1.1\r\nhost: t\r\ncontent-length: {size}\r\n\r\n".encode()


def begun(sock: socket.socket, location: str, size: int, method: str = "PATCH") -> None:
    """Send the head of a request, and wait until it is let in and its body is waited for."""
    sock.sendall(head(location, size, method)[:-2] + b"expect: 100-continue\r\n\r\n")
    found = b""
    while not found.endswith(b"\r\n\r\n"):
        found += sock.recv(1)
    assert found.startswith(b"HTTP/1.1 100 "), found


def cut(sock: socket.socket) -> None:
    """Reset the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def hang_up(sock: socket.socket) -> None:
    """End it politely, but too early."""
    sock.shutdown(socket.SHUT_WR)
    sock.close()


def settled(client: httpx.Client, location: str, least: int) -> int:
    """Where the upload stands once it has at least so many bytes."""
    for _ in range(6000):
        stands = int(client.get(location).headers["range"].partition("-")[2]) + 1
        if stands >= least:
            return stands
        time.sleep(0.01)
    raise AssertionError(f"the upload stands at {stands}, not at {least}")


@pytest.mark.parametrize("sent", [1000, 300_000])
@pytest.mark.parametrize("end", [cut, hang_up])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_resume_after_a_cut_body(
    served: Served, repository: str, sent: int, end: Callable[[socket.socket], None], method: str
) -> None:
    client = served.client
    found = digest(CONTENT)
    location = begin(client, repository)
    with served.connect() as sock:
        asked = f"{location}?digest={found}" if method == "PUT" else location
        begun(sock, asked, len(CONTENT), method)
        sock.sendall(CONTENT[:sent])
        time.sleep(0.05)
        end(sock)
    stands = settled(client, location, 2)
    assert stands <= sent
    rest = CONTENT[stands:]
    where = {"content-range": f"{stands}-{len(CONTENT) - 1}"}
    assert client.patch(location, content=rest, headers=where).status_code == 202
    assert client.put(location, params={"digest": found}).status_code == 201
    assert client.get(f"/v2/{repository}/blobs/{found}").content == CONTENT


def damage(served: Served) -> list[str]:
    """What `entrepot check` says of the folder, leftovers aside."""
    db = engine.connect(served.folder)
    try:
        found = list(findings(db, served.store, read=True))
    finally:
        db.close()
    return [finding.what for finding in found if finding.damage]


@pytest.mark.parametrize("stands", [0, 100, 100_000])
@pytest.mark.parametrize("first", [0, 70_000])
@pytest.mark.parametrize("end", ["PATCH", "PUT"])
def test_two_writers_at_once(
    served: Served, repository: str, stands: int, first: int, end: str
) -> None:
    """One goes on, the other is told so; whoever wins, the bytes are the winner's."""
    client, rest = served.client, CONTENT[stands:]
    location = begin(client, repository)
    client.patch(location, content=CONTENT[:stands])
    mine, other = digest(CONTENT), digest(CONTENT[:stands] + b"z" * len(rest))
    with served.connect() as slow:
        begun(slow, location, len(rest))
        slow.sendall(b"z" * first)
        query = f"?digest={mine}" if end == "PUT" else ""
        answer = client.request(end, location + query, content=rest)
        slow.sendall(b"z" * (len(rest) - first))
        late = read(slow)
    if answer.is_success:
        assert (late.status, late.codes[0][:11]) in {(409, "BLOB_UPLOAD"), (404, "BLOB_UPLOAD")}
        wins, loses, content = mine, other, CONTENT
    else:
        assert (answer.status_code, codes(answer.content)) == (409, ["BLOB_UPLOAD_INVALID"])
        assert late.status == 202
        wins, loses, content = other, mine, CONTENT[:stands] + b"z" * len(rest)
    if not (answer.is_success and end == "PUT"):
        assert client.put(location, params={"digest": wins}).status_code == 201
    assert client.get(f"/v2/{repository}/blobs/{wins}").content == content
    assert client.get(f"/v2/{repository}/blobs/{loses}").status_code == 404


@pytest.mark.parametrize("stands", [0, 100, 100_000])
@pytest.mark.parametrize("late_method", ["PATCH", "PUT"])
def test_late_writers_cannot_touch_a_finished_blob(
    served: Served, repository: str, stands: int, late_method: str
) -> None:
    """Let in while the upload stood, they send bytes, or a wrong digest, when it has ended."""
    client, found = served.client, digest(CONTENT)
    location = begin(client, repository)
    client.patch(location, content=CONTENT[:stands])
    with served.connect() as late:
        query = f"?digest={digest(b'other')}" if late_method == "PUT" else ""
        begun(late, location + query, len(CONTENT), late_method)
        ended = client.put(location, params={"digest": found}, content=CONTENT[stands:])
        late.sendall(b"z" * len(CONTENT))
        after = read(late).status
    if ended.status_code == 201:
        assert after in {404, 409, 400}
        time.sleep(0.2)  # some rounds of the collector
        assert client.get(f"/v2/{repository}/blobs/{found}").content == CONTENT
    else:
        assert (ended.status_code, after) in {(409, 202), (409, 400)}


def test_cancelled_while_it_is_written(served: Served, repository: str) -> None:
    location = begin(served.client, repository)
    with served.connect() as slow:
        begun(slow, location, len(CONTENT))
        slow.sendall(CONTENT[:100_000])
        assert served.client.delete(location).status_code == 204
        slow.sendall(CONTENT[100_000:])
        assert read(slow).status in {404, 409}
    assert served.client.get(location).status_code == 404


@pytest.mark.parametrize("count", [8])
def test_one_blob_pushed_by_many_at_once(served: Served, repository: str, count: int) -> None:
    found, statuses = digest(CONTENT), []

    def push(number: int) -> None:
        with httpx.Client(base_url=served.url) as client:
            location = begin(client, f"{repository}{number % 2}")
            answer = client.put(location, params={"digest": found}, content=CONTENT)
            statuses.append(answer.status_code)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [201] * count
    for number in range(2):
        assert served.client.get(f"/v2/{repository}{number}/blobs/{found}").content == CONTENT


def test_a_cut_push_that_nobody_can_resume_leaves_nothing(served: Served, repository: str) -> None:
    target = f"/v2/{repository}/blobs/uploads/?digest={digest(CONTENT)}"
    with socket.create_connection(served.address) as sock:
        sock.sendall(head(target, len(CONTENT), "POST") + CONTENT[:300_000])
        while not uploads_of(served, repository):
            time.sleep(0.01)
        cut(sock)
    until(lambda: not uploads_of(served, repository))


def uploads_of(served: Served, repository: str) -> int:
    db = engine.connect(served.folder)
    query = "select count(*) from upload where repository = ?"
    (count,) = db.execute(query, (repository,)).fetchone()
    db.close()
    return int(count)


@pytest.mark.parametrize("wait", [0, 0.2], ids=["at once", "once it has a row"])
def test_an_upload_alone_makes_no_repository(served: Served, repository: str, wait: float) -> None:
    location = begin(served.client, repository)
    time.sleep(wait)
    assert served.client.get(location).status_code == 204
    assert served.client.delete(location).status_code == 204
    answer = served.client.get(f"/v2/{repository}/tags/list")
    assert codes(answer.content) == ["NAME_UNKNOWN"]
