"""A request that two servers could read differently is refused with 400, and nothing after it."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.server.conftest import Respond, Serve, Served

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

AMBIGUOUS = {
    "both lengths": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both lengths, other order": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two Content-Lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "two equal Content-Lengths": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "Content-Length: 3, 3": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "Content-Length: +3": POST + b"Content-Length: +3\r\n\r\nabc",
    "Content-Length: -3": POST + b"Content-Length: -3\r\n\r\nabc",
    "Content-Length: 0x3": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "Content-Length: 1_0": POST + b"Content-Length: 1_0\r\n\r\nabc",
    "Content-Length: empty": POST + b"Content-Length: \r\n\r\nabc",
    "Content-Length: 10**30": POST + b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\n",
    "Transfer-Encoding: xchunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: gzip": POST + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: gzip, chunked": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked, gzip": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding twice": POST
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: gzip and chunked": POST
    + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "Transfer-Encoding: empty": POST + b"Transfer-Encoding: \r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: VT chunked": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.0 with Transfer-Encoding": CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
    "folded first header": b"GET / HTTP/1.1\r\n X: b\r\nHost: a\r\n\r\n",
    "bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare LF in a header": b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "bare CR in a header": b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: a\r\nfoo\r\n\r\n",
    "empty header name": b"GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "NUL in a name": b"GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "raw 0xff in the target": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "fragment in the target": b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "relative target": b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET *": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "ftp target": b"GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
    "user in the target": b"GET http://u@a/b HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT": b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    "lower-case method": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "HTTP/0.9": b"GET / HTTP/0.9\r\n\r\n",
    "HTTP/1.2": b"GET / HTTP/1.2\r\nHost: a\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "HTTP/1.01": b"GET / HTTP/1.01\r\nHost: a\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "Upgrade with a body": POST
    + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
}

BAD_CHUNKS = {
    "-1": b"-1\r\nabc",
    "+3": b"+3\r\nabc\r\n0\r\n\r\n",
    "0x3": b"0x3\r\nabc\r\n0\r\n\r\n",
    "g": b"g\r\n",
    "17 digits": b"fffffffffffffffff\r\nabc",
    "space before": b" 3\r\nabc\r\n0\r\n\r\n",
    "space after": b"3 \r\nabc\r\n0\r\n\r\n",
    "bare LF": b"3\nabc\n0\n\n",
    "LF in an extension": b"3;a\nb\r\nabc\r\n0\r\n\r\n",
    "too long": b"3\r\nabcd\r\n0\r\n\r\n",
    "no end of chunk": b"3\r\nabc0\r\n\r\n",
    "empty size": b"\r\nabc\r\n0\r\n\r\n",
    "Content-Length as trailer": b"0\r\nContent-Length: 5\r\n\r\n",
}


@pytest.fixture(scope="module")
def seen() -> list[str]:
    return []


@pytest.fixture(scope="module")
def served(serve_module: "Serve", respond: "Respond", seen: list[str]) -> "Served":
    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        while scope["method"] == "POST":
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            if not message["more_body"]:
                break
        await respond(send)

    return serve_module(app)


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_ambiguous_request_is_refused(served: "Served", seen: list[str], name: str) -> None:
    seen.clear()
    client = served.connect()
    answer = client.send(AMBIGUOUS[name] + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").answer()
    assert (answer.status, answer.code) == (400, "UNSUPPORTED")
    assert answer.headers["connection"] == "close"
    assert client.rest() == b""
    assert seen == []


@pytest.mark.parametrize("name", BAD_CHUNKS)
@pytest.mark.parametrize("late", [False, True], ids=["with the head", "later"])
def test_bad_chunk_is_refused(served: "Served", seen: list[str], name: str, late: bool) -> None:
    seen.clear()
    client = served.connect().send(CHUNKED + (b"" if late else BAD_CHUNKS[name]))
    if late:
        client.send(b"1\r\nx\r\n").send(BAD_CHUNKS[name])
    answer = client.send(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").answer()
    assert (answer.status, answer.code) == (400, "UNSUPPORTED")
    assert client.rest() == b""
    assert "/smuggled" not in seen


HARMLESS = {
    "empty lines first": b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "absolute target": b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS *": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "Chunked": POST + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    "chunk extension": CHUNKED + b"3;a=b\r\nabc\r\n0\r\n\r\n",
    "trailer": CHUNKED + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
    "HTTP/1.0 without Host": b"GET / HTTP/1.0\r\n\r\n",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_unusual_but_clear_request_is_served(served: "Served", name: str) -> None:
    assert served.connect().send(HARMLESS[name]).answer().status == 200


def test_good_request_before_a_bad_one_is_answered(served: "Served") -> None:
    client = served.connect().send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET a HTTP/1.1\r\n\r\n")
    assert client.answer().status == 200
    assert client.answer().status == 400
    assert client.rest() == b""
