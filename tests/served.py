"""The app in this process, on a real server in a thread: for tests that need many servers, or more
than one HTTP protocol class. `tests/registry.py` has the whole command as a process of its own.
"""

import http.client
import itertools
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from entrepot.app import Entrepot
from entrepot.blobstore.stores import store_at
from entrepot.db import engine
from entrepot.encryption.keys import NO_KEYS
from entrepot.server.limits import Limits
from entrepot.server.protocol import RegistryProtocol
from entrepot.settings import Settings

CLASSES = ("own", "httptools")
"""The HTTP protocol classes: ours, and the one that uvicorn takes by itself."""

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    headers: httpx.Headers
    content: bytes

    @property
    def codes(self) -> list[str]:
        return codes(self.content)


class Served:
    """A server, its folder, and a client that talks to it."""

    def __init__(self, settings: Settings, address: tuple[str, int]) -> None:
        self.folder = settings.data
        self.store = store_at(settings.data, settings.place, NO_KEYS)
        """Where its large blobs lie, past the server."""
        self.address = address
        self.url = f"http://{address[0]}:{address[1]}"
        self.client = httpx.Client(base_url=self.url, timeout=30, verify=False)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=60)

    def raw(self, request: bytes) -> Reply:
        """Send these very bytes, read one answer."""
        with self.connect() as sock:
            sock.sendall(request)
            return read(sock, request.partition(b" ")[0].decode("latin-1"))

    def settle(self) -> "Served":
        """Wait until each job has run once, so that none of them comes between; before there are
        webhooks or replications, since those who follow them do not end.
        """
        deadline = time.monotonic() + 60
        with closing(sqlite3.connect(self.folder / engine.FILE)) as db:
            while db.execute("select count(ended_at) < max(1, count(*)) from job").fetchone()[0]:
                assert time.monotonic() < deadline, "the jobs have not run"
                time.sleep(0.005)
        return self

    def ask(self, target: bytes, *headers: bytes, method: bytes = b"GET") -> Reply:
        """A request without a body whose target nobody has tidied up."""
        lines = [method + b" " + target + b" HTTP/1.1", b"host: t", *headers]
        return self.raw(b"\r\n".join([*lines, b"connection: close", b"", b""]))


def read(sock: socket.socket, method: str = "GET") -> Reply:
    """One answer from a socket."""
    with http.client.HTTPResponse(sock, method=method) as response:
        response.begin()
        content = response.read()
        return Reply(response.status, httpx.Headers(response.getheaders()), content)


def codes(content: bytes) -> list[str]:
    """The codes in the body of an error, after a look at the body's shape."""
    document = json.loads(content)
    assert set(document) == {"errors"}
    for error in document["errors"]:
        assert {"code", "message"} <= set(error) <= {"code", "message", "detail"}
        assert error["message"]
    return [error["code"] for error in document["errors"]]


def name(prefix: str = "team/app") -> str:
    """A repository that no other test of this process has."""
    return f"{prefix}-{next(_numbers)}"


def protocol(kind: str, limits: Limits) -> Any:
    """What uvicorn's `http` setting wants."""
    return partial(RegistryProtocol, limits=limits) if kind == "own" else kind


@contextmanager
def serving(
    folder: Path, kind: str, limits: Limits | None = None, **settings: Any
) -> Iterator[Served]:
    """Serve the folder until the block ends; without accounts, unless the test says otherwise."""
    open_ = {"dangerously_without_accounts": True}
    chosen = Settings(**{"data": folder, "access_log": False, **open_, **settings})
    app = Entrepot(chosen)
    config = uvicorn.Config(
        app,
        http=protocol(kind, limits or Limits()),
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_keep_alive=65,  # of uvicorn's own classes: longer than any client keeps one
        timeout_graceful_shutdown=5,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the app did not start"
            time.sleep(0.005)
        served = Served(chosen, listener.getsockname())
        try:
            yield served
        finally:
            served.client.close()
            server.should_exit = True
            thread.join(60)
            assert not thread.is_alive(), "the app did not stop"


Serve = Callable[..., Served]
"""Starts a server of the test's own: `serve(sparse_manifests=True)`."""


@contextmanager
def starting(folder: Path, kind: str) -> Iterator[Serve]:
    """Servers with folders of their own, or with one that the test names by `data`."""
    with ExitStack() as stack:

        def serve(**settings: Any) -> Served:
            data = settings.pop("data", folder / f"data-{next(_numbers)}")
            return stack.enter_context(serving(data, kind, **settings))

        yield serve
