"""Bodies on their way to a sink: the extension entrepot.receive_into."""

import ctypes
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.cutting import cut_off
from tests.waiting import until

from entrepot.server.limits import Limits

if TYPE_CHECKING:
    from tests.server.conftest import Client, Respond, Serve, Served

CONTENT = random.Random(2).randbytes(7 << 20)
MIB = 1 << 20


@dataclass
class Sink:
    """Takes a body and checks how it is given."""

    data: bytearray = field(default_factory=bytearray)
    sizes: list[int] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    outcome: Any = None
    cut: threading.Event = field(default_factory=threading.Event)
    """Whether nobody wants the rest."""
    fail_after: int | None = None
    slow: float = 0
    _busy: threading.Lock = field(default_factory=threading.Lock)

    def write(self, view: memoryview) -> None:
        assert self._busy.acquire(blocking=False), "two threads at once"
        if len(view) >= MIB:
            address = ctypes.addressof(ctypes.c_char.from_buffer(view))
            assert address % 4096 == 0
        time.sleep(self.slow)
        self.data += view
        self.sizes.append(len(view))
        self.threads.add(threading.get_ident())
        self._busy.release()
        if self.fail_after is not None and len(self.data) >= self.fail_after:
            raise OSError(28, "no space left")

    @property
    def whole_pages(self) -> bool:
        return all(size % 4096 == 0 for size in self.sizes[:-1])


Upload = Callable[..., tuple["Served", Sink]]


@pytest.fixture
def upload_app(respond: "Respond") -> Callable[[Sink], Any]:
    def to_sink(sink: Sink) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["method"] == "GET":
                assert "entrepot.receive_into" not in scope["extensions"]
                await respond(send, scope["raw_path"])
                return
            sink.threads.add(-threading.get_ident())
            try:
                if scope["path"] == "/some":
                    sink.write(memoryview(bytearray((await receive())["body"])))
                async with cut_off(sink.cut):
                    moved = await scope["extensions"]["entrepot.receive_into"](sink.write)
            except BaseException as error:
                sink.outcome = type(error)
                if isinstance(error, OSError) and error.errno == 28:
                    await respond(send, b"full", 507)
                    return
                raise
            sink.outcome = moved
            await respond(send, b"%d" % moved)

        return app

    return to_sink


def off_the_loop(sink: Sink) -> bool:
    """Whether every write happened in another thread than the app's."""
    return not any(-thread in sink.threads for thread in sink.threads)


def chunked(data: bytes, size: int) -> bytes:
    parts = (data[start : start + size] for start in range(0, len(data), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def put(client: "Client", data: bytes, chunk: int | None, path: str = "/") -> "Client":
    if chunk is None:
        return client.get(path, f"Content-Length: {len(data)}", method="PUT").send(data)
    client.get(path, "Transfer-Encoding: chunked", method="PUT")
    return client.send(chunked(data, chunk))


SIZES = [0, 4095, 65535, 65536, 65537, MIB, len(CONTENT)]


SHAPES = [
    (size, chunk) for size in SIZES for chunk in (None, 1000, 5 * MIB) if size or chunk is not None
]


@pytest.mark.parametrize(("size", "chunk"), SHAPES)
def test_body_arrives_whole(
    serve_both: "Serve", upload_app: Any, size: int, chunk: int | None
) -> None:
    sink = Sink()
    client = serve_both(upload_app(sink)).connect()
    for _ in range(2):  # the second time shows that the connection is where it should be
        sink.data.clear()
        sink.sizes.clear()
        answer = put(client, CONTENT[:size], chunk).get("/next").answer()
        assert answer.body == b"%d" % size
        assert "connection" not in answer.headers
        assert client.answer().body == b"/next"
        assert sink.data == CONTENT[:size]
        assert sink.whole_pages
        assert sink.outcome == size
    assert max(sink.sizes, default=0) <= MIB
    if size > 300_000:
        assert off_the_loop(sink)


@pytest.mark.parametrize("chunk", [None, 200_000], ids=["length", "chunked"])
def test_full_pieces_when_the_sink_is_slower(
    serve_both: "Serve", upload_app: Any, chunk: int | None
) -> None:
    sink = Sink(slow=0.1)
    put(serve_both(upload_app(sink)).connect(), CONTENT, chunk).answer()
    assert sink.data == CONTENT
    assert sink.sizes[1:-1] == [MIB] * (len(sink.sizes) - 2)


@pytest.mark.parametrize("chunk", [None, 3000], ids=["length", "chunked"])
def test_rest_after_some_was_received(serve: "Serve", upload_app: Any, chunk: int | None) -> None:
    sink = Sink()
    client = serve(upload_app(sink)).connect()
    put(client, CONTENT[:MIB], chunk, "/some").answer()
    assert sink.data == CONTENT[:MIB]
    assert client.get("/next").answer().body == b"/next"


@pytest.mark.parametrize("form", ["length", "chunked"])
@pytest.mark.parametrize("arrived", [10_000, 2 * MIB + 5000])
def test_stalled_body_keeps_less_than_a_page(
    serve_both: "Serve", upload_app: Any, form: str, arrived: int
) -> None:
    sink = Sink()
    client = serve_both(upload_app(sink)).connect()
    if form == "length":
        client.get("/", f"Content-Length: {len(CONTENT)}", method="PUT")
    else:
        client.get("/", "Transfer-Encoding: chunked", method="PUT")
        client.send(b"%x\r\n" % len(CONTENT))
    client.send(CONTENT[:arrived])
    until(lambda: len(sink.data) == arrived - arrived % 4096)
    client.send(CONTENT[arrived : arrived + 3])
    time.sleep(0.15)
    client.send(CONTENT[arrived + 3 :] + (b"" if form == "length" else b"\r\n0\r\n\r\n"))
    assert client.answer().body == b"%d" % len(CONTENT)
    assert sink.data == CONTENT
    assert sink.whole_pages


CUTS = [
    ("leaves", "length"),
    ("stands still", "length"),
    ("leaves", "chunked"),
    ("stands still", "chunked"),
    ("breaks the framing", "chunked"),
]


@pytest.mark.parametrize(("how", "form"), CUTS)
@pytest.mark.parametrize("arrived", [5, 2 * MIB + 5])
def test_cut_body_is_flushed_and_raised(
    serve_both: "Serve", upload_app: Any, how: str, form: str, arrived: int
) -> None:
    sink = Sink()
    seconds = 2.0 if how == "stands still" else Limits().body_timeout
    served = serve_both(upload_app(sink), limits=Limits(body_timeout=seconds, sweep_interval=0.05))
    client = served.connect()
    if form == "length":
        client.get("/", f"Content-Length: {arrived + 1}", method="PUT").send(CONTENT[:arrived])
    else:
        client.get("/", "Transfer-Encoding: chunked", method="PUT")
        client.send(b"%x\r\n%b\r\n" % (arrived, CONTENT[:arrived]))
    if how == "leaves":
        client.sock.close()
    elif how == "breaks the framing":
        assert client.send(b"what?\r\n").answer().status == 400
    until(lambda: sink.outcome is not None)
    assert sink.outcome is ConnectionResetError
    assert sink.data == CONTENT[:arrived]


@pytest.mark.parametrize("chunk", [None, 50_000], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [1000, 300_000, len(CONTENT)])
def test_error_of_the_sink_is_answered(
    serve_both: "Serve", upload_app: Any, chunk: int | None, size: int
) -> None:
    sink = Sink(fail_after=min(size, MIB))
    client = serve_both(upload_app(sink)).connect()
    put(client, CONTENT[:size], chunk)
    answer = client.answer()
    assert (answer.status, answer.body) == (507, b"full")
    assert sink.outcome is OSError
    if answer.headers.get("connection") != "close":  # then it must be in a good state
        assert client.get("/next").answer().body == b"/next"


@pytest.mark.parametrize("stalled", [True, False], ids=["stalled", "busy"])
def test_cancelled_intake_writes_no_more(
    serve_both: "Serve", upload_app: Any, stalled: bool
) -> None:
    sink = Sink(slow=0 if stalled else 0.1)
    served = serve_both(upload_app(sink))
    client = served.connect()
    client.get("/", f"Content-Length: {50 * MIB}", method="PUT")
    client.send(CONTENT[: 2 * MIB if stalled else 6 * MIB])
    until(lambda: len(sink.data) >= (2 * MIB if stalled else MIB))
    sink.cut.set()
    assert client.answer().status == 500
    written = len(sink.data)
    time.sleep(0.3)
    assert len(sink.data) == written
    assert sink.outcome is TimeoutError


def test_stalled_uploads_hold_no_thread(serve_both: "Serve", respond: "Respond") -> None:
    sinks = {f"/{n}": Sink() for n in range(41)}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await scope["extensions"]["entrepot.receive_into"](sinks[scope["path"]].write)
        await respond(send)

    served = serve_both(app)
    for path in list(sinks)[:40]:
        client = served.connect()
        client.get(path, f"Content-Length: {len(CONTENT)}", method="PUT").send(CONTENT[:5000])
    until(lambda: all(len(sinks[path].data) == 4096 for path in list(sinks)[:40]))
    assert put(served.connect(), CONTENT, None, "/40").answer().status == 200
    assert sinks["/40"].data == CONTENT


def test_heads_are_answered_during_uploads(serve_both: "Serve", respond: "Respond") -> None:
    sinks = {f"/{n}": Sink(slow=0.005) for n in range(3)}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "PUT":
            await scope["extensions"]["entrepot.receive_into"](sinks[scope["path"]].write)
        await respond(send)

    served = serve_both(app)
    uploads = []
    for path in sinks:
        client = served.connect()
        uploads.append(threading.Thread(target=put, args=(client, CONTENT, None, path)))
        uploads[-1].start()
    other = served.connect()
    for _ in range(100):
        assert other.get(method="HEAD").answer("HEAD").status == 200
    for upload in uploads:
        upload.join()
    until(lambda: all(sink.data == CONTENT for sink in sinks.values()))


class TestRandomFraming:
    """Any cutting of any body into chunks and packets arrives byte for byte, both ways."""

    @pytest.fixture
    def client(self, serve: "Serve", respond: "Respond") -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            body = bytearray()
            if scope["path"] == "/into" and "entrepot.receive_into" in scope["extensions"]:
                await scope["extensions"]["entrepot.receive_into"](body.__iadd__)
                await respond(send, bytes(body))
                return
            while (message := await receive())["type"] == "http.request":
                body += message["body"]
                if not message["more_body"]:
                    break
            await respond(send, bytes(body))

        return serve(app).connect()

    @pytest.mark.parametrize("path", ["/into", "/receive"])
    @settings(
        max_examples=40,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        sizes=st.lists(st.sampled_from([1, 2, 100, 4096, 5000, 70_000, 300_000]), max_size=6),
        extension=st.sampled_from([b"", b";a", b";a=b"]),
        cuts=st.lists(st.floats(0, 1), max_size=5),
        framed=st.booleans(),
    )
    def test(
        self,
        client: "Client",
        path: str,
        sizes: list[int],
        extension: bytes,
        cuts: list[float],
        framed: bool,
    ) -> None:
        body = CONTENT[: sum(sizes)]
        if framed:
            head, wire, start = "Transfer-Encoding: chunked", b"", 0
            for size in sizes:
                wire += b"%x%b\r\n%b\r\n" % (size, extension, body[start : start + size])
                start += size
            wire += b"0\r\n\r\n"
        else:
            head, wire = f"Content-Length: {len(body)}", body
        client.get(path, head, method="PUT")
        places = [0, *sorted(int(cut * len(wire)) for cut in cuts), len(wire)]
        for begin, end in pairwise(places):
            client.send(wire[begin:end])
        assert client.answer().body == body
