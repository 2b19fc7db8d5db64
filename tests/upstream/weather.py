"""A registry behind a proxy that has its moods, one for each project of images there."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class Mood(Enum):
    WELL = auto()
    KILLED = auto()
    """Connections end without an answer."""
    HUNG = auto()
    """It accepts them, and says nothing."""
    HALTS = auto()
    """So it does in the middle of a layer."""
    SLOW = auto()
    BUSY = auto()
    BUSY_LATER = auto()
    """It says when to come again."""
    FAILING = auto()
    AWAY = auto()
    LIES_ABOUT_MANIFESTS = auto()
    LIES_ABOUT_LAYERS = auto()


SAYS: Mapping[Mood, tuple[int, dict[str, str]]] = {
    Mood.BUSY: (429, {}),
    Mood.BUSY_LATER: (429, {"retry-after": "2"}),
    Mood.FAILING: (500, {}),
    Mood.AWAY: (503, {}),
}
_PASSED = ("content-type", "content-range", "docker-content-digest", "www-authenticate", "location")
_ASKED = ("accept", "authorization", "range", "host", "user-agent")
_LAYER = 100_000
"""Bytes from which on a blob counts as one."""
_LONG = 120
"""Seconds that who hangs does so, where nobody ends it."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Nothing: the cache cuts connections that it needs no more."""


class Weather:
    def __init__(self, address: str) -> None:
        self.address = address
        self.moods: dict[str, Mood] = {}
        """By a repository's name, or the first part of it."""
        self.ended = threading.Event()
        """Who hangs waits for it."""
        self.asked: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    weather: Weather
    client: httpx.Client
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        mood = self._mood()
        self.weather.asked.append(f"{self.command} {self.path}")
        if mood is Mood.HUNG:
            self.weather.ended.wait(_LONG)
        if mood in {Mood.HUNG, Mood.KILLED}:
            self.close_connection = True
            return
        if mood in SAYS:
            self._say(*SAYS[mood], b"")
            return
        if mood is Mood.SLOW:
            self.weather.ended.wait(0.4)
        self._pass(mood)

    def _mood(self) -> Mood:
        _, api, case, *rest = [*self.path.split("/"), "", ""]
        case, moods = case if api == "v2" else "", self.weather.moods
        return moods.get(f"{case}/{rest[0]}", moods.get(case, Mood.WELL))

    def _pass(self, mood: Mood) -> None:
        headers = {key: self.headers[key] for key in _ASKED if key in self.headers}
        answer = self.client.request(self.command, self.path, headers=headers)
        body, given = answer.content, answer.headers
        if mood is Mood.LIES_ABOUT_MANIFESTS and "/manifests/" in self.path:
            body = body.replace(b"schemaVersion", b"schemaversion")
        if mood is Mood.LIES_ABOUT_LAYERS and len(body) > _LAYER:
            body = body[:-1] + bytes([body[-1] ^ 1])
        passed = {key: given[key] for key in _PASSED if key in given}
        if self.command == "HEAD":
            passed["content-length"] = given.get("content-length", "0")
        total = int(given.get("content-range", f"/{len(body)}").rpartition("/")[2])
        halts = mood is Mood.HALTS and total > _LAYER
        self._say(answer.status_code, passed, body, halts=halts)

    def _say(
        self, status: int, headers: Mapping[str, str], body: bytes, *, halts: bool = False
    ) -> None:
        self.send_response(status)
        for key, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if halts:
            if status == 200:  # and of the rest nothing comes
                self.wfile.write(body[: len(body) // 2])
            self.weather.ended.wait(_LONG)
            self.close_connection = True
        elif self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = _serve  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def weather(upstream: str) -> Iterator[Weather]:
    """A proxy before the registry at an address."""

    class Handler(_Handler):
        client = httpx.Client(base_url=f"http://{upstream}", timeout=20)

    server = _Server(("127.0.0.1", 0), Handler)
    found = Weather(f"127.0.0.1:{server.server_port}")
    Handler.weather = found
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        found.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
        Handler.client.close()
