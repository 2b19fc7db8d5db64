"""What the server refuses by itself is told to the app, which logs it and gives it an id."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.served import starting

from entrepot.observe import access, exposition
from entrepot.observe.metrics import Metrics
from entrepot.observe.observer import Observer
from entrepot.server.limits import Limits

if TYPE_CHECKING:
    from tests.server.conftest import Serve

SMALL_HEADS = Limits(header_bytes=2000)
SHORT = Limits(header_timeout=2, sweep_interval=0.05)

REFUSED: list[tuple[bytes, int, str, bytes]] = [
    (b"nonsense\r\n\r\n", 400, "", b""),
    (b"GET /a HTTP/1.1\r\n\r\n", 400, "GET", b"/a"),
    (b"GET /b HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 3000, 431, "", b"/b"),
    (b"GET /c HTTP/1.1\r\nHost: a\r\n", 408, "", b"/c"),
    (b"DELETE /d HTTP/1.1\r\nHost: a\r\n\r\n", 500, "DELETE", b"/d"),
]


async def failing(_scope: Any, _receive: Any, _send: Any) -> None:
    raise ValueError("on purpose")


class Told:
    def __init__(self, identity: str | None) -> None:
        self.identity = identity
        self.calls: list[tuple[int, str, bytes, int]] = []
        self.clients: list[Any] = []

    def __call__(self, status: int, method: str, target: bytes, client: Any, sent: int) -> Any:
        self.calls.append((status, method, target, sent))
        self.clients.append(client)
        return self.identity


@pytest.mark.parametrize(("sent", "status", "method", "target"), REFUSED)
def test_the_app_is_told(
    serve: "Serve", sent: bytes, status: int, method: str, target: bytes
) -> None:
    told = Told("id-1")
    limits = SHORT if status == 408 else SMALL_HEADS
    client = serve(failing, limits=limits, state={"entrepot.refused": told}).connect().send(sent)
    answer = client.answer()
    assert (answer.status, answer.headers["x-request-id"]) == (status, "id-1")
    assert told.calls == [(status, method, target, len(answer.body))]
    assert told.clients == [client.sock.getsockname()]
    assert client.rest() == b""


def test_too_busy(serve: "Serve") -> None:
    told = Told("id-2")
    served = serve(failing, state={"entrepot.refused": told}, limit_concurrency=1)
    answer = served.connect().get("/x").answer()
    assert (answer.status, answer.headers["x-request-id"]) == (429, "id-2")
    assert told.calls == [(429, "GET", b"/x", len(answer.body))]


def test_head_has_no_body(serve: "Serve") -> None:
    told = Told("id-3")
    client = serve(failing, state={"entrepot.refused": told}).connect().get(method="HEAD")
    assert client.answer("HEAD").status == 500
    assert client.rest() == b""
    assert told.calls == [(500, "HEAD", b"/", 0)]


def test_no_id_no_header(serve: "Serve") -> None:
    client = serve(failing, state={"entrepot.refused": Told(None)}).connect().get()
    assert "x-request-id" not in client.answer().headers


def test_a_bug_there_costs_no_answer(serve: "Serve") -> None:
    client = serve(failing, state={"entrepot.refused": None.__class__}).connect().get()
    assert client.answer().status == 500
    assert client.rest() == b""


def test_the_app_hands_it_over(tmp_path: Path) -> None:
    with starting(tmp_path, "own") as serve:
        served = serve()
        reply = served.raw(b"GET /v2/ HTTP/1.1\r\n\r\n")
        assert reply.status == 400
        assert reply.headers["x-request-id"]
        metrics = served.client.get("/metrics").text
    assert 'entrepot_request_seconds_count{method="GET",route="refused",status="400"} 1' in metrics


class Lines(list[str]):
    def write(self, text: str) -> None:
        self.append(text)

    def flush(self) -> None:
        """Nothing waits."""


@pytest.mark.parametrize(
    ("method", "target", "client", "expected"),
    [
        ("GET", b"/a\xff", ("10.0.0.1", 5), ("GET", "/a\xff", "10.0.0.1")),
        ("", b"", None, ("-", "", "-")),
        ("PUT", b"/" * 9000, None, ("PUT", "/" * 2048, "-")),
    ],
    ids=["known", "unknown", "long"],
)
def test_the_observer_logs_and_counts(
    method: str,
    target: bytes,
    client: tuple[str, int] | None,
    expected: tuple[str, str, str],
) -> None:
    lines: Any = Lines()
    observer = Observer(Metrics(), access.AccessLog(lines), access.as_json)
    identity = observer.refused(431, method, target, client, 7)
    observer.flush()
    line = json.loads(lines[0])
    assert (line["method"], line["target"], line["client"]) == expected
    assert (line["request"], line["status"], line["sent"]) == (identity, 431, 7)
    assert b'route="refused",status="431"' in exposition.text(observer.metrics)
