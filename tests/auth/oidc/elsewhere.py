"""Another party on the network: a real HTTP(S) server on loopback that says what a test wants."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

import trustme

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
AUTHORITY = trustme.CA()
CA = AUTHORITY.cert_pem.bytes().decode()
"""The CA that certificates of every `Elsewhere` come from."""


@dataclass(frozen=True, slots=True)
class Says:
    """An answer."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Message
    body: bytes


@dataclass(slots=True)
class Elsewhere:
    """What it says at which path, and what it was asked."""

    url: str
    port: int
    says: dict[str, Says] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    """The names that clients asked for in their TLS handshakes (SNI)."""


@contextmanager
def elsewhere(
    name: str = "127.0.0.1",
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tls: bool = True,
    **issued: Any,
) -> Iterator[Elsewhere]:
    """Serve at `host`, with a certificate for `name`, until the block ends.

    `issued` says more of the certificate, as `not_after=…`.
    """
    with ThreadingHTTPServer((host, port), BaseHTTPRequestHandler) as server:
        port = server.server_address[1]
        party = Elsewhere(f"{'https' if tls else 'http'}://{name}:{port}", port)
        server.RequestHandlerClass = handler(party)
        if tls:
            server.socket = context(party, name, **issued).wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield party
        finally:
            server.shutdown()
            thread.join()


def context(party: Elsewhere, name: str, **issued: Any) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name, **issued).configure_cert(found)
    found.sni_callback = lambda _, name, __: party.names.append(name)
    return found


def handler(party: Elsewhere) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            party.asked.append(Asked(self.command, self.path, self.headers, body))
            says = party.says.get(self.path, Says(status=404))
            self.send_response(says.status)
            for header in {"content-length": str(len(says.body)), **says.headers}.items():
                self.send_header(*header)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(says.body)

        do_POST = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *said: Any) -> None:
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # a client that had enough, or did not like the certificate
                self.close_connection = True

    return Handler
