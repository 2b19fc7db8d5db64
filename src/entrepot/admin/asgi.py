"""The admin API as the app sees it: built at its first request, counted and logged as the rest."""

import asyncio
import logging
import time

from entrepot.distribution.asgi import App, Header, Message, Receive, Scope, Send
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request

PREFIX = "/api/"
ROUTE = "admin"
"""Label of the metrics."""

MOST_BODY = 1024 * 1024
"""Bytes of a request's body, where its handler does not know better."""

_SAFE: list[Header] = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"referrer-policy", b"no-referrer"),
]
"""What every answer says, unless a page says it more exactly: no browser runs anything of it."""

_FAILED = (
    b'{"type":"about:blank","title":"Internal error","status":500,'
    b'"detail":"the registry failed to answer; its log says why"}'
)

_log = logging.getLogger("entrepot.admin")


class Admin:
    """Answers what begins with /api/."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._app: App | None = None
        self._building = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        started = time.perf_counter()
        observer = self._registry.observer
        asked = Request(scope, receive)
        asked.identity = asked.id or observer.request_id()
        scope["entrepot.asked"] = asked
        answer = _Answer(send, asked.identity)
        try:
            app = await self._built()
            await app(scope, _Body(receive, asked).receive, answer.send)
        except Exception as error:  # noqa: BLE001 - the border: whatever it is, it is logged and told
            if answer.lost:  # nobody hears it
                return
            _log.error("a request failed", exc_info=error, extra={"request": asked.identity})
            await answer.fail()
        finally:
            observer.answered(
                ROUTE,
                time.perf_counter() - started,
                asked.identity,
                asked.client,
                asked.method,
                asked.target,
                answer.status,
                answer.sent,
                asked.header(b"user-agent"),
            )

    async def _built(self) -> App:
        """Importing takes a quarter of a second, so it happens in a thread."""
        async with self._building:
            if self._app is None:
                self._app = await asyncio.to_thread(_build, self._registry)
            return self._app


def _build(registry: Registry) -> App:
    from entrepot.admin.app import build

    return build(registry)


class _Body:
    """Counts what comes in, and stops where it is too much."""

    def __init__(self, receive: Receive, asked: Request) -> None:
        self._receive = receive
        self._asked = asked

    async def receive(self) -> Message:
        message = await self._receive()
        self._asked.received += len(message.get("body", b""))
        most = self._asked.most_body or MOST_BODY
        if self._asked.received > most:
            from starlette.exceptions import HTTPException

            raise HTTPException(413, f"at most {most} bytes are taken here")
        return message


class _Answer:
    """Adds what all answers have, and sees what goes out."""

    def __init__(self, send: Send, identity: str) -> None:
        self._send = send
        self._identity = identity
        self.status = 0
        self.sent = 0
        self.lost = False
        """Whether the client went before it had all of it."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name.lower() for name, _ in message["headers"]}
            own = [(b"x-request-id", self._identity.encode()), *_SAFE]
            more = [header for header in own if header[0] not in given]
            message["headers"] = [*message["headers"], *more]
        self.sent += len(message.get("body", b""))
        try:
            await self._send(message)
        except ConnectionResetError:
            self.lost = True
            raise

    async def fail(self) -> None:
        """Say that something went wrong, unless an answer has begun."""
        if self.status:
            return
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(_FAILED)),
        ]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": _FAILED})
