"""What an ASGI app and an HTTP client may expect of each other."""

import asyncio
import logging
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import until

if TYPE_CHECKING:
    from tests.server.conftest import Respond, Serve

PAIRS = list[tuple[bytes, bytes]]


def an_answer(status: int = 200, headers: PAIRS | None = None, *bodies: bytes) -> Any:
    """Return an app that sends exactly this: the last body ends it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        start = {"type": "http.response.start", "status": status, "headers": headers or []}
        await send(start)
        for body in bodies[:-1]:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        if bodies:
            await send({"type": "http.response.body", "body": bodies[-1]})

    return app


def test_scope(serve: "Serve", respond: "Respond") -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        scope["state"]["mine"] = True
        await respond(send)

    client = serve(app, state={"a": 1}, root_path="/root").connect()
    client.get("/v2/a%2Fb/%C3%A9?n=1&m=%20", "X-Thing: One").answer()
    client.get("/").answer()
    scope, second = seen
    assert scope["type"] == "http"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
    assert (scope["http_version"], scope["method"], scope["scheme"]) == ("1.1", "GET", "http")
    assert (scope["path"], scope["root_path"]) == ("/root/v2/a/b/é", "/root")
    assert scope["raw_path"] == b"/root/v2/a%2Fb/%C3%A9"
    assert scope["query_string"] == b"n=1&m=%20"
    assert scope["headers"] == [(b"host", b"test"), (b"x-thing", b"One")]
    assert scope["client"] == client.sock.getsockname()
    assert scope["server"] == client.sock.getpeername()
    assert scope["extensions"] == {"http.response.zerocopysend": {}}
    assert second["state"] == {"a": 1, "mine": True}
    assert second["state"] is not scope["state"]


def test_host_of_an_absolute_target_replaces_host(serve: "Serve", respond: "Respond") -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        [host] = [value for name, value in scope["headers"] if name == b"host"]
        await respond(send, host + scope["raw_path"] + b"?" + scope["query_string"])

    client = serve(app).connect()
    assert client.get("http://other:80/x?y").answer().body == b"other:80/x?y"
    assert client.get("http://other").answer().body == b"other/?"


def test_keep_alive_and_default_headers(serve_both: "Serve") -> None:
    client = serve_both(an_answer(200, [(b"content-length", b"2")], b"ok")).connect()
    for _ in range(3):
        answer = client.get().answer()
        assert (answer.status, answer.body) == (200, b"ok")
        assert "connection" not in answer.headers
        assert {"date", "server"} <= answer.headers.keys()
    assert client.get("/", "Connection: close").answer().headers["connection"] == "close"
    assert client.rest() == b""


@pytest.mark.parametrize("count", [2, 1500])
def test_pipelined_requests_are_answered_in_order(
    serve_both: "Serve", respond: "Respond", count: int
) -> None:
    running = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal running
        running += 1
        assert running == 1
        number = int(scope["path"][1:])
        if number % 7 == 1:
            await asyncio.sleep(0)
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        running -= 1
        await respond(send, b"%d %b" % (number, body))

    client = serve_both(app).connect()
    one = "POST /{} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    two = "PUT /{} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
    three = "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n"
    forms = [(one, b"abc"), (two, b"de"), (three, b"")]
    client.send("".join(forms[n % 3][0].format(n) for n in range(count)).encode())
    for n in range(count):
        assert client.answer().body == b"%d %b" % (n, forms[n % 3][1])


def test_context_of_a_request_ends_with_it(serve: "Serve", respond: "Respond") -> None:
    user: ContextVar[bytes] = ContextVar("user", default=b"nobody")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        before = user.get()
        user.set(scope["raw_path"])
        await respond(send, before)

    client = serve(app).connect().get("/a").get("/b")
    assert [client.answer().body for _ in range(2)] == [b"nobody"] * 2
    assert client.get("/c").answer().body == b"nobody"


def test_request_in_single_bytes(serve_both: "Serve", respond: "Respond") -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, (await receive())["body"] + scope["raw_path"])

    client = serve_both(app).connect()
    for byte in b"PUT /abc HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx":
        client.send(bytes([byte]))
    assert client.answer().body == b"x/abc"


@pytest.mark.parametrize(
    ("asked", "kept"), [([], False), (["Connection: keep-alive"], True)], ids=["close", "keep"]
)
def test_http_1_0(serve: "Serve", asked: list[str], kept: bool) -> None:
    client = serve(an_answer(200, [(b"content-length", b"2")], b"ok")).connect()
    head = "\r\n".join(["GET / HTTP/1.0", *asked, "", ""]).encode()
    answer = client.send(head).answer()
    assert answer.body == b"ok"
    assert answer.headers["connection"] == ("keep-alive" if kept else "close")
    if kept:
        assert client.send(head).answer().body == b"ok"
    else:
        assert client.rest() == b""


@pytest.mark.parametrize("asked", ["", "Connection: keep-alive\r\n"])
def test_http_1_0_gets_no_chunks(serve: "Serve", asked: str) -> None:
    client = serve(an_answer(200, [], b"one", b"", b"two")).connect()
    answer = client.send(f"GET / HTTP/1.0\r\n{asked}\r\n".encode()).answer()
    assert "transfer-encoding" not in answer.headers
    assert answer.headers["connection"] == "close"
    assert answer.body == b"onetwo"


@pytest.mark.parametrize(
    "headers", [[], [(b"Transfer-Encoding", b"chunked")]], ids=["by itself", "asked by the app"]
)
def test_answer_of_unknown_length_is_chunked(serve: "Serve", headers: PAIRS) -> None:
    client = serve(an_answer(200, headers, b"one", b"", b"x" * 100_000, b"")).connect()
    for _ in range(2):
        answer = client.get().answer()
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.body == b"one" + b"x" * 100_000


@pytest.mark.parametrize(
    ("method", "status", "headers", "length"),
    [
        ("HEAD", 200, [(b"content-length", b"9")], "9"),
        ("HEAD", 200, [], None),
        ("GET", 204, [(b"content-length", b"0")], None),
        ("GET", 304, [(b"content-length", b"9")], "9"),
        ("GET", 304, [], None),
    ],
)
def test_answer_without_a_body(
    serve: "Serve", method: str, status: int, headers: PAIRS, length: str | None
) -> None:
    client = serve(an_answer(status, headers, b"one", b"two")).connect()
    for _ in range(2):
        answer = client.get(method=method).answer(method)
        assert answer.status == status
        assert answer.headers.get("content-length") == length
        assert "transfer-encoding" not in answer.headers
    assert client.get("/", "Connection: close", method=method).head()[0] == status
    assert client.rest() == b""


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x", b"a\r\nset-cookie: b")],
        [(b"x", b"a\nb")],
        [(b"x", b"a\rb")],
        [(b"x", b"a\0b")],
        [(b"x\r\ny", b"a")],
        [(b"content-length", b"+2")],
        [(b"content-length", b"2"), (b"Content-Length", b"3")],
        [(b"content-length", b"2\r\nx: y")],
    ],
    ids=repr,
)
def test_broken_header_of_the_app_is_never_sent(
    serve: "Serve", headers: PAIRS, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(an_answer(200, headers, b"ok")).connect()
    answer = client.get().answer()
    assert (answer.status, answer.code) == (500, "UNKNOWN")
    assert "set-cookie" not in answer.headers
    assert client.rest() == b""
    [record] = caplog.records
    assert (record.name, record.levelno) == ("entrepot.server", logging.ERROR)


async def _raise(*_args: Any) -> None:
    raise ValueError("boom")


async def _raise_late(_scope: Any, _receive: Any, send: Any) -> None:
    await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("boom")


async def _nothing(*_args: Any) -> None:
    await asyncio.sleep(0)


async def _body_first(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.body", "body": b"x"})


async def _cancelled(*_args: Any) -> None:
    raise asyncio.CancelledError


LENGTH_2 = [(b"content-length", b"2")]
FAIL_EARLY = {
    "raises": _raise,
    "raises with only the head made": _raise_late,
    "returns": _nothing,
    "sends the body first": _body_first,
    "body too long": an_answer(200, LENGTH_2, b"abc"),
    "body too short": an_answer(200, LENGTH_2, b"a"),
    "unfinished": an_answer(200, LENGTH_2),
}
FAIL_LATE = {
    "body too long": an_answer(200, LENGTH_2, b"a", b"bc"),
    "body too short": an_answer(200, LENGTH_2, b"a", b""),
    "unfinished": an_answer(200, [], b"a", b"b"),
}


# HEAD has no body that could be too long or too short.
EARLY = [("GET", name) for name in FAIL_EARLY] + [
    ("HEAD", name) for name in FAIL_EARLY if not name.startswith("body too")
]


@pytest.mark.parametrize(("method", "name"), EARLY)
def test_failure_before_the_answer_is_500(
    serve: "Serve", name: str, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(FAIL_EARLY[name]).connect()
    answer = client.get(method=method).answer(method)
    assert answer.status == 500
    assert method == "HEAD" or answer.code == "UNKNOWN"
    assert client.rest() == b""
    [record] = caplog.records
    assert (record.name, record.levelno) == ("entrepot.server", logging.ERROR)


@pytest.mark.parametrize("name", FAIL_LATE)
def test_failure_within_the_answer_resets_the_connection(
    serve_both: "Serve", name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def slowly(message: Any) -> None:
            await send(message)
            await asyncio.sleep(0.05)
            if name == "unfinished" and message.get("body") == b"b":
                raise ValueError("boom")

        async def never_last(message: Any) -> None:
            await slowly({**message, "more_body": message["type"].endswith("body")})

        await FAIL_LATE[name](scope, receive, never_last if name == "unfinished" else slowly)

    client = serve_both(app).connect().get()
    assert client.head()[0] == 200
    client.is_reset()
    assert b"0\r\n\r\n" not in client.buffer
    assert len(caplog.records) == 1


def test_failure_after_the_answer_is_only_logged(
    serve: "Serve", respond: "Respond", caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send)
        raise ValueError("boom")

    served = serve(app)
    client = served.connect()
    assert client.get().answer().status == 200
    assert client.get().answer().status == 200
    served.close()
    served.wait()
    assert [record.getMessage() for record in caplog.records] == ["the app failed"] * 2


def test_app_that_cancels_itself_gets_500(serve: "Serve") -> None:
    assert serve(_cancelled).connect().get().answer().status == 500


def test_peer_that_leaves_is_noticed(serve_both: "Serve") -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        seen.append(await receive())
        with pytest.raises(ConnectionResetError):
            await send({"type": "http.response.start", "status": 200})
        seen.append("sent")

    serve_both(app).connect().get().sock.close()
    until(lambda: len(seen) == 2)
    assert seen == [{"type": "http.disconnect"}, "sent"]


def test_receive_after_the_answer_says_disconnect(serve: "Serve", respond: "Respond") -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        waiting = asyncio.create_task(receive())
        await asyncio.sleep(0)
        await respond(send)
        seen.append(await waiting)

    client = serve(app).connect()
    client.get().answer()
    client.get().answer()
    assert seen[0] == {"type": "http.disconnect"}


@pytest.mark.parametrize("read", [True, False], ids=["body read", "body refused"])
def test_100_continue_comes_with_the_first_read(
    serve_both: "Serve", respond: "Respond", read: bool
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.05)
        await respond(send, (await receive())["body"] if read else b"no", 200 if read else 403)

    client = serve_both(app).connect()
    client.get("/", "Content-Length: 4", "Expect: 100-continue", method="PUT")
    if read:
        assert client.head() == (100, {})
        assert client.send(b"body").answer().body == b"body"
        assert client.get("/").answer().status == 200
    else:
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (403, "close")
        assert client.rest() == b""


@pytest.mark.parametrize("form", ["length", "chunked"])
def test_refused_upload_is_answered_early(serve: "Serve", respond: "Respond", form: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, b"no", 401)

    client = serve(app).connect()
    if form == "length":
        client.get("/", f"Content-Length: {1 << 40}", method="PUT").send(bytes(100_000))
    else:
        client.get("/", "Transfer-Encoding: chunked", method="PUT").send(b"fffff\r\n" + bytes(9999))
    answer = client.answer()
    assert (answer.status, answer.body, answer.headers["connection"]) == (401, b"no", "close")
    assert client.rest() == b""  # half-closed: no more answers will come
    if form == "chunked":
        return
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        client.send(bytes(200 << 20))  # but what we still send is not drained for ever


@pytest.mark.parametrize("size", [1000, 65536])
def test_small_rest_of_an_unwanted_body_is_skipped(
    serve: "Serve", respond: "Respond", size: int
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, scope["raw_path"])

    client = serve(app).connect()
    for _ in range(2):
        client.get("/a", f"Content-Length: {size}", method="PUT")
        assert client.answer().body == b"/a"
        client.send(b"GET /smuggled HTTP/1.1\r\n\r\n".ljust(size, b"x")[:size])
    assert client.get("/b").answer().body == b"/b"


def test_upgrade_is_ignored(serve: "Serve") -> None:
    client = serve(an_answer(200, [], b"plain")).connect()
    answer = client.get("/", "Connection: Upgrade", "Upgrade: websocket").answer()
    assert (answer.body, answer.headers["connection"]) == (b"plain", "close")
    client.rest()


def test_concurrency_limit(serve: "Serve", respond: "Respond") -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send)

    served = serve(app, limit_concurrency=2)
    assert served.connect().get().answer().status == 200
    answer = served.connect().get().answer()
    assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS")
    assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")


def test_requests_are_counted(serve: "Serve", respond: "Respond") -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send)

    def fast(method: str, target: bytes, headers: PAIRS, client: Any, certificate: str) -> Any:
        return (b"HTTP/1.1 200 OK\r\n", b"content-length: 0\r\n\r\n") if target == b"/f" else None

    served = serve(app, state={"entrepot.fast": fast})
    client = served.connect()
    for path in ("/f", "/", "/f"):
        client.get(path).answer()
    assert served.server.server_state.total_requests == 3
    assert not served.server.server_state.tasks


class TestFastPath:
    @pytest.fixture
    def calls(self) -> list[Any]:
        return []

    @pytest.fixture
    def client(self, serve: "Serve", respond: "Respond", calls: list[Any]) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["method"] == "PUT":
                await receive()
            await respond(send, b"slow")

        def fast(*call: Any) -> Any:
            calls.append(call)
            if call[1] == b"/raise":
                raise ValueError("boom")
            if call[1] == b"/slow":
                return None
            return b"HTTP/1.1 203 Fast\r\n", b"content-length: 4\r\n\r\nfast"

        return serve(app, state={"entrepot.fast": fast}).connect()

    def test_answers(self, client: Any, calls: list[Any]) -> None:
        answer = client.get("/x?y", "X-Z: 1").answer()
        assert (answer.status, answer.body) == (203, b"fast")
        assert {"date", "server"} <= answer.headers.keys()
        headers = [(b"host", b"test"), (b"x-z", b"1")]
        assert calls == [("GET", b"/x?y", headers, client.sock.getsockname(), "")]

    @pytest.mark.parametrize(
        ("method", "headers"),
        [
            ("PUT", ()),
            ("DELETE", ()),
            ("GET", ("Connection: close",)),
            ("GET", ("Content-Length: 1", "", "x")),
            ("GET", ("Transfer-Encoding: chunked", "", "0", "")),
        ],
    )
    def test_is_not_asked(
        self, client: Any, calls: list[Any], method: str, headers: tuple[str, ...]
    ) -> None:
        lines = [f"{method} / HTTP/1.1", "Host: a", *headers]
        ending = "" if headers[-1:] == ("x",) else "\r\n" if "0" in headers else "\r\n\r\n"
        client.send(("\r\n".join(lines) + ending).encode())
        assert client.answer().body == b"slow"
        assert calls == []

    def test_may_decline(self, client: Any) -> None:
        assert client.get("/slow").answer().body == b"slow"

    def test_may_fail(self, client: Any, caplog: pytest.LogCaptureFixture) -> None:
        assert client.get("/raise").answer().body == b"slow"
        assert caplog.records[0].exc_info is not None

    def test_keeps_its_place_in_a_pipeline(self, client: Any) -> None:
        for path in ("/slow", "/a", "/b", "/slow", "/c"):
            client.get(path)
        bodies = [client.answer().body for _ in range(5)]
        assert bodies == [b"slow", b"fast", b"fast", b"slow", b"fast"]
