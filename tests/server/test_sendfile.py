"""Files as answers: http.response.zerocopysend."""

import contextlib
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.cutting import cut_off
from tests.waiting import until

from entrepot.server import sendfile
from entrepot.server.limits import Limits
from entrepot.server.pagecache import is_cached

if TYPE_CHECKING:
    from tests.server.conftest import Serve

CONTENT = random.Random(1).randbytes(20 << 20)
"""Many strides."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "blob"
    path.write_bytes(CONTENT)
    return path


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    with path.open("rb", buffering=0) as file:
        yield file


def a_file(path: Path, promised: int | None, *messages: dict[str, Any]) -> Any:
    """Return an app that sends parts of a file; without a promise the answer is chunked."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [] if promised is None else [(b"content-length", b"%d" % promised)]
        with opened(path) as file:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for number, message in enumerate(messages, 1):
                more = number < len(messages)
                parts = {"type": "http.response.zerocopysend", "file": file, "more_body": more}
                await send({**parts, **message})

    return app


RANGES = [(0, 1), (5, 65536), (5, 65537), (4095, 300_000), (0, len(CONTENT)), (3, 17 << 20)]


@pytest.mark.parametrize(("offset", "count"), RANGES)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_range(serve_both: "Serve", path: Path, offset: int, count: int, chunked: bool) -> None:
    app = a_file(path, None if chunked else count, {"offset": offset, "count": count})
    client = serve_both(app).connect()
    for _ in range(2):
        answer = client.get().answer()
        assert answer.body == CONTENT[offset : offset + count]
        assert ("transfer-encoding" in answer.headers) is chunked


def test_head_sends_no_byte_of_the_file(serve: "Serve", path: Path) -> None:
    client = serve(a_file(path, 300_000, {"offset": 0, "count": 300_000})).connect()
    for _ in range(2):
        answer = client.get(method="HEAD").answer("HEAD")
        assert answer.headers["content-length"] == "300000"


def test_offset_and_count_may_be_left_out(serve: "Serve", path: Path) -> None:
    app = a_file(path, None, {"count": 100_000}, {"count": 10}, {})
    assert serve(app).connect().get().answer().body == CONTENT


def test_parts_follow_each_other(serve_both: "Serve", path: Path) -> None:
    parts = [(0, 200_000), (9, 0), (7, 9), (1 << 20, 70_000)]
    total = sum(count for _, count in parts)
    app = a_file(path, total, *({"offset": offset, "count": count} for offset, count in parts))
    expected = b"".join(CONTENT[offset : offset + count] for offset, count in parts)
    assert serve_both(app).connect().get().answer().body == expected


@pytest.mark.parametrize("count", [0, 60_000])
def test_file_and_bytes_mix(serve: "Serve", path: Path, count: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with opened(path) as file:
            part = {"type": "http.response.zerocopysend", "file": file, "more_body": True}
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await send({**part, "offset": 0, "count": count})
            await send({**part, "offset": 0, "count": 100_000})
            await send({"type": "http.response.body", "body": b"z"})

    expected = b"a" + CONTENT[:count] + CONTENT[:100_000] + b"z"
    assert serve(app).connect().get().answer().body == expected


@pytest.mark.parametrize("missing", [1, 70_000])
@pytest.mark.parametrize("size", [10_000, 300_000])
def test_short_file_resets_the_connection(
    serve_both: "Serve", tmp_path: Path, missing: int, size: int, caplog: Any
) -> None:
    path = tmp_path / "short"
    path.write_bytes(CONTENT[: size - min(missing, size)])
    client = serve_both(a_file(path, size, {"offset": 0, "count": size})).connect().get()
    assert client.is_reset()
    assert len(client.buffer.partition(b"\r\n\r\n")[2]) < size
    assert "shorter" in caplog.text


@pytest.mark.parametrize("delta", [1, -1])
def test_count_must_be_what_was_promised(serve: "Serve", path: Path, delta: int) -> None:
    app = a_file(path, 100_000 + delta, {"offset": 0, "count": 100_000})
    assert serve(app).connect().get().answer().status == 500


def cool(path: Path) -> None:
    with opened(path) as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@pytest.mark.parametrize("count", [40_000, len(CONTENT)])
def test_cold_file(serve_both: "Serve", path: Path, count: int) -> None:
    client = serve_both(a_file(path, count, {"offset": 0, "count": count})).connect()
    for _ in range(2):
        cool(path)
        assert client.get().answer().body == CONTENT[:count]


@pytest.mark.parametrize("count", [40_000, len(CONTENT)])
def test_file_that_is_never_cached(
    serve_both: "Serve", path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sendfile, "is_cached", lambda _fd, _offset: False)
    client = serve_both(a_file(path, count, {"offset": 0, "count": count})).connect()
    for _ in range(2):
        assert client.get().answer().body == CONTENT[:count]


def test_is_cached(path: Path) -> None:
    cool(path)
    with opened(path) as file:
        is_cached(file.fileno(), 0)  # may say either, by file system; must not fail
        file.read(1)
        assert is_cached(file.fileno(), 0)
    read, write = os.pipe()
    assert is_cached(read, 0)  # cannot tell: assume the best
    os.close(read)
    os.close(write)


def test_stalled_download_is_cut(serve_both: "Serve", path: Path) -> None:
    app = a_file(path, len(CONTENT), {"offset": 0, "count": len(CONTENT)})
    served = serve_both(app, limits=Limits(send_timeout=2, sweep_interval=0.05))
    client = served.connect(small_buffer=True).get()
    client.head()
    served.stop()
    served.wait()
    assert client.is_reset()
    assert len(client.buffer) < len(CONTENT)


def test_slow_download_is_not_cut(serve: "Serve", path: Path) -> None:
    app = a_file(path, len(CONTENT), {"offset": 0, "count": len(CONTENT)})
    client = (
        serve(app, limits=Limits(send_timeout=6, sweep_interval=0.05))
        .connect(small_buffer=True)
        .get()
    )
    client.head()
    for start in range(0, 1_500_000, 150_000):  # longer than that in all
        time.sleep(0.7)
        assert client.exactly(150_000) == CONTENT[start : start + 150_000]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("how", ["peer leaves", "app is cancelled"])
def test_broken_off_download_leaves_nothing_open(serve_both: "Serve", path: Path, how: str) -> None:
    send_all = a_file(path, len(CONTENT), {"offset": 0, "count": len(CONTENT)})
    ended: list[type] = []
    cut = threading.Event()

    async def app(*args: Any) -> None:
        try:
            async with cut_off(cut):
                await send_all(*args)
        except (TimeoutError, ConnectionResetError) as error:
            ended.append(type(error))
            raise

    served = serve_both(app)
    served.connect().get("/", "Connection: close").sock.close()
    before = open_files()
    clients = [served.connect(small_buffer=True).get() for _ in range(5)]
    for client in clients:
        client.head()
    if how == "app is cancelled":
        cut.set()
        assert [client.is_reset() for client in clients] == [True] * 5
    for client in clients:
        client.sock.close()
    until(lambda: len(ended) >= 5 and open_files() <= before)


def test_heads_are_answered_during_many_downloads(serve_both: "Serve", path: Path) -> None:
    app = a_file(path, len(CONTENT), {"offset": 0, "count": len(CONTENT)})
    served = serve_both(app)
    stalled = [served.connect(small_buffer=True).get() for _ in range(40)]
    other = served.connect()
    for _ in range(50):
        assert other.get(method="HEAD").answer("HEAD").status == 200
    assert len(stalled[0].head()[1]["content-length"]) > 0
    assert other.get().answer().body == CONTENT
