"""A sign-on in the browser, for the command line: it listens on loopback for one answer.

What comes there is worth nothing without the secret that stays here, so neither who sees it nor who
sends another's gains anything (RFC 8252 §8.1, RFC 7636). Next: `login`.
"""

import base64
import hashlib
import secrets
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import typer

from entrepot.cli.options import fail

_PAGE = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><title>Entrepot</title>'
    b"<p>This was it: go back to the terminal, and close this page.</p></html>"
)


class _Listener(ThreadingHTTPServer):
    """Listens until one answer has come."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came = threading.Event()
        self.answer: dict[str, str] = {}


class _Handler(BaseHTTPRequestHandler):
    timeout = 10
    server: _Listener

    def do_GET(self) -> None:
        said = parse_qs(urlsplit(self.path).query)
        known = bool(said.keys() & {"code", "error"})
        self.send_response(200 if known else 404)
        page = _PAGE if known else b""
        headers = {
            "content-type": "text/html",
            "content-length": str(len(page)),
            "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
            "referrer-policy": "no-referrer",
        }
        for header in headers.items():
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(page)
        if known and not self.server.came.is_set():
            self.server.answer = {name: values[0] for name, values in said.items()}
            self.server.came.set()

    def log_message(self, *said: Any) -> None:
        """Say nothing: the code would be in it."""


def sign_on(url: str, *, browser: bool, seconds: int) -> tuple[str, str]:
    """Have someone sign on at the registry; the code that came, and the secret it goes with."""
    verifier = secrets.token_urlsafe(48)
    with _listening() as listener:
        asked = {"port": listener.server_address[1], "challenge": _challenge(verifier)}
        where = f"{url}/api/v1/sso/start?{urlencode(asked)}"
        typer.echo(f"Sign on in a browser on this machine:\n\n  {where}\n", err=True)
        if browser:
            webbrowser.open(where)
        if not listener.came.wait(seconds):
            fail(f"nobody signed on within {seconds} s", 1)
        answer = listener.answer
    if "code" not in answer:
        why = answer["error"][:1000]
        fail(f"nobody is signed on: {why if why.isprintable() else ascii(why)[1:-1]}", 1)
    return answer["code"], verifier


@contextmanager
def _listening() -> Iterator[_Listener]:
    with _Listener() as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield listener
        finally:
            listener.shutdown()
            thread.join()


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
