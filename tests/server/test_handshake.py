"""A handshake that fails, as the peer sees it."""

import logging
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from tests.waiting import until

from entrepot.auth.authority import Authority
from entrepot.auth.ca_folder import Folder
from entrepot.server.certificates import Files, LiveContext

if TYPE_CHECKING:
    from tests.server.conftest import Respond, Serve, Served


@pytest.fixture
def folder(tmp_path: Any) -> Folder:
    authority = Authority.new("test")
    folder = Folder(tmp_path)
    folder.ca.write(authority.own)
    folder.server.write(authority.server(["localhost"]))
    return folder


@pytest.fixture
def served(serve_both: "Serve", respond: "Respond", folder: Folder) -> "Served":
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send)

    files = Files(folder.server.cert, folder.server.key, folder.ca.cert)
    return serve_both(app, ssl_context_factory=lambda *_: LiveContext.of(files))


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_stranger_learns_why(
    served: "Served", folder: Folder, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    context = ssl.create_default_context(cafile=folder.ca.cert)
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    trustme.CA().issue_cert("robot@example.org").configure_cert(context)
    with pytest.raises(ssl.SSLError, match=r"(?i)unknown.ca"):
        ask(served, context)
    until(lambda: told(caplog))
    [record] = told(caplog)
    assert record.levelno == logging.WARNING
    assert "a client's certificate is refused: unable to get local issuer" in record.message


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [each for each in caplog.records if each.name == "entrepot.tls"]


def test_a_stranger_who_goes_on_talking_is_cut_off(served: "Served", folder: Folder) -> None:
    client = served.connect()
    client.send(b"\x16\x03\x01\x00\x05nonsense")
    assert client.more()  # the alert
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        client.send(bytes(100 << 20))


def test_plain_http_is_told_to_speak_tls(served: "Served") -> None:
    answer = served.connect().get().answer()
    assert answer.status == 400
    assert answer.code == "UNSUPPORTED"
    assert b"ask by https" in answer.body


def test_after_a_failure_others_are_served(served: "Served", folder: Folder) -> None:
    served.connect().send(b"nonsense")
    context = ssl.create_default_context(cafile=folder.ca.cert)
    assert ask(served, context).startswith(b"HTTP/1.1 200 ")


def ask(served: "Served", context: ssl.SSLContext) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", served.port), timeout=60) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as sock,
    ):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        return sock.recv(100)
