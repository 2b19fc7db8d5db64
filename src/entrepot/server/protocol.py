"""The HTTP/1.1 protocol of one connection, for uvicorn's `http=` setting; runs any ASGI 3 app.

uvicorn runs processes, sockets, TLS, signals and the lifespan; what this adds to its own class:
files sent by the kernel (sendfile.py), bodies taken off the loop (intake.py), limits, time-outs
(wire.py, sweeper.py), the peer's certificate (tls.py), and ready answers without a task.

Invariant: the answer to one request is finished before the next one is begun (RFC 9112 §9.3.2), and
none is begun while the transport is full: a peer that asks without reading costs one answer.
What arrives is queued by inbox.py; `advance` acts on it.
"""

import asyncio
from contextvars import copy_context
from typing import Any
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.server import ServerState

from entrepot.server.asgi import Address, FastAnswer, Refused, Scope, Stopping
from entrepot.server.exchange import Exchange
from entrepot.server.inbox import Inbox, log
from entrepot.server.limits import Limits
from entrepot.server.proxies import Proxies, replace_host, scheme
from entrepot.server.refusal import HEAD_TIMEOUT, TOO_BUSY, Refusal
from entrepot.server.request import Request
from entrepot.server.sweeper import sweeper_of
from entrepot.server.tls import fingerprint, tls_extension
from entrepot.server.wire import Awaited, Wire

FAST_METHODS = frozenset(("GET", "HEAD"))


class RegistryProtocol(asyncio.Protocol):
    """One connection."""

    wire: Wire

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Limits = Limits(),  # noqa: B008 (frozen)
        proxies: Proxies | None = None,
    ):
        if not config.loaded:
            config.load()
        self.tasks = server_state.tasks
        self.closing = False
        self._config = config
        self._app = config.loaded_app
        self._state = server_state
        self._connections: set[Any] = server_state.connections  # typed for uvicorn's own classes
        self._app_state = app_state
        self._fast: FastAnswer | None = app_state.get("entrepot.fast")
        self._refused: Refused | None = app_state.get("entrepot.refused")
        self._stopping: Stopping | None = app_state.get("entrepot.stopping")
        self._loop = _loop or asyncio.get_event_loop()
        self._limits = limits
        self._proxies = proxies
        """Those that are trusted; None once it is known that the peer is not one."""
        self._sweeper = sweeper_of(server_state, self._loop, limits.sweep_interval)
        self.inbox = Inbox(limits)
        self._client: Address | None = None
        self._certificate = ""
        """The fingerprint of the peer's, "" where it has none."""
        self._scope: Scope = {}
        self._active: Exchange | None = None
        self._context = copy_context()

    # The transport's callbacks

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        self.wire = Wire(transport, self._loop, self._limits, self._sweeper)
        self._connections.add(self)
        self._sweeper.watch(self)
        self._client = _address(transport.get_extra_info("peername"))
        if self._proxies is not None and not self._proxies.trusts(self._client):
            self._proxies = None
        extensions: dict[str, Any] = {"http.response.zerocopysend": {}}
        if self.wire.tls:
            certfile = self._config.ssl_certfile
            extensions["tls"] = tls_extension(transport, str(certfile) if certfile else None)
            self._certificate = fingerprint(transport)
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "scheme": "https" if self.wire.tls else "http",
            "root_path": self._config.root_path,
            "client": self._client,
            "server": _address(transport.get_extra_info("sockname")),
            "extensions": extensions,
        }
        self.wire.expect(Awaited.HEAD, self._limits.header_timeout)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Tell whoever still works for this connection."""
        self._connections.discard(self)
        self._sweeper.forget(self)
        self.inbox.requests.clear()
        self.wire.lost()
        if self._active is not None:
            self._active.lost()

    def data_received(self, data: bytes) -> None:
        """Parse, then act."""
        if self.wire.lingering:
            self.wire.discard(len(data))
            return
        inbox = self.inbox
        inbox.feed(data)
        self.advance()
        arriving = inbox.arriving
        if arriving is not None and arriving.body is not None and arriving.body.overfull:
            self.wire.pause_reading()

    def pause_writing(self) -> None:
        """Note that the peer takes less than we send."""
        self.wire.pause_writing()

    def resume_writing(self) -> None:
        """Note that the peer has caught up; go on soon, for this may be called within a write."""
        self.wire.resume_writing()
        if self._active is None:
            self._loop.call_soon(self.advance)

    # From one request to the next

    def advance(self) -> None:
        """Do whatever is next; called when something has arrived or been finished."""
        active = self._active
        if active is not None and active.done and active.body.ended:
            self._active = None
        wire, requests = self.wire, self.inbox.requests
        while self._active is None and not wire.ending and wire.writable.is_set():
            if not requests:
                self._rest()
                return
            self._begin(requests.popleft())
        if wire.ending:
            return
        if self._active is None:  # the transport is full: only the write deadline runs
            wire.expect(Awaited.NOTHING)
            wire.pause_reading()
        elif requests or self.inbox.broken:
            wire.pause_reading()

    def _rest(self) -> None:
        """Nothing is being answered: refuse, close, or wait for the peer."""
        if self.inbox.broken is not None:
            self.refuse(self.inbox.broken, self.inbox.arriving)
            self.wire.linger()
        elif self.closing:
            self.wire.close()
        elif self.inbox.arriving is None:
            self.wire.expect(Awaited.REQUEST, self._limits.keep_alive)
            self.wire.resume_reading()
        elif self.wire.awaited is not Awaited.HEAD:
            self.wire.expect(Awaited.HEAD, self._limits.header_timeout)
            self.wire.resume_reading()

    def _begin(self, request: Request) -> None:
        if self._proxies is not None:
            replace_host(request)
        if self._fast is not None and self._answer_at_once(self._fast, request):
            return
        self.wire.expect(Awaited.NOTHING)
        scope = self._scope_of(request)
        exchange = self._active = Exchange(self, request, scope)
        if request.body is not None:
            scope["extensions"] = {
                **scope["extensions"],
                "entrepot.receive_into": exchange.receive_into,
            }
        if self._is_too_busy():
            exchange.refuse(TOO_BUSY)
            return
        # Starting the task's first step at once (as Python 3.12 can) gained nothing measurable. The
        # context is the connection's: this may be running in the task of the request before.
        task = self._loop.create_task(exchange.run(self._app), context=self._context.copy())
        exchange.task = task
        self.tasks.add(task)

    def _answer_at_once(self, fast: FastAnswer, request: Request) -> bool:
        """Write the ready answer, if there is one; nothing else is on its way on this wire."""
        if (
            request.body is not None
            or not request.keep_alive
            or request.method not in FAST_METHODS
            or request.version != "1.1"
            or self.closing
        ):
            return False
        try:
            client = self._client if self._proxies is None else self._client_of(request)
            answer = fast(
                request.method, request.target, request.headers, client, self._certificate
            )
        except Exception:  # noqa: BLE001 (a bug there must not cost anybody the answer)
            log.exception("the fast path failed; the app answers instead")
            return False
        if answer is None:
            return False
        self.wire.transport.write(b"%b%b%b" % (answer[0], self.default_lines, answer[1]))
        self._state.total_requests += 1
        return True

    def _scope_of(self, request: Request) -> Scope:
        raw_path, _, query = request.target.partition(b"?")
        path = raw_path.decode("latin-1")
        root = self._config.root_path
        found = {
            **self._scope,
            "http_version": request.version,
            "method": request.method,
            "path": root + (unquote(path) if "%" in path else path),
            "raw_path": root.encode() + raw_path,
            "query_string": query,
            "headers": request.headers,
            "state": self._app_state.copy(),
        }
        if self._proxies is not None:
            found["client"] = self._client_of(request)
            found["scheme"] = scheme(request, found["scheme"])
        return found

    def _client_of(self, request: Request) -> Address | None:
        """Where it comes from: from the peer, or from behind it."""
        return self._proxies.client(request, self._client) if self._proxies else self._client

    def _is_too_busy(self) -> bool:
        limit = self._config.limit_concurrency
        return limit is not None and (len(self._connections) >= limit or len(self.tasks) >= limit)

    def finished(self, exchange: Exchange, *, keep_alive: bool) -> None:
        """Go on after an answer: to the next request, to the rest of the body, or to the end."""
        self._state.total_requests += 1
        if self.wire.ending:
            return
        if not keep_alive or self.closing:
            self._active = None
            if exchange.body.complete and not self.inbox.requests and not self.inbox.broken:
                self.wire.close()
            else:
                self.wire.linger()
        elif exchange.body.complete:
            self._active = None
            self.advance()
        else:
            exchange.body.unwanted = True
            self.wire.expect(Awaited.BODY, self._limits.body_timeout)
            self.wire.resume_reading()

    def refuse(self, refusal: Refusal, request: Request | None) -> None:
        """Write an answer of the server's own; the app, which never saw it, logs and counts it."""
        request = request or Request()
        body = refusal.body() if request.method != "HEAD" else b""
        lines = self.default_lines
        if self._refused is not None:
            try:
                client = self._client_of(request)
                found = self._refused(
                    refusal.status, request.method, request.target, client, len(body)
                )
            except Exception:  # noqa: BLE001 (a bug there must not cost anybody the answer)
                log.exception("the app failed to log a refusal")
            else:
                lines += b"x-request-id: %b\r\n" % found.encode() if found else b""
        self.wire.transport.write(refusal.head(lines) + body)

    @property
    def default_lines(self) -> bytes:
        """The headers that uvicorn adds to every answer, as lines."""
        return self._sweeper.lines(self._state.default_headers)

    def resume_reading(self) -> None:
        """Take what the peer sends, unless there is enough to do already."""
        if not self.inbox.requests and not self.inbox.broken:
            self.wire.resume_reading()

    # The end

    def sweep(self, now: float) -> None:
        """End what has taken too long."""
        wire = self.wire
        if wire.stalled(now):
            wire.abort()
        elif now >= wire.read_deadline:
            self._expire()

    def _expire(self) -> None:
        wire = self.wire
        if wire.awaited is Awaited.HEAD and self.inbox.arriving is not None:
            self.refuse(HEAD_TIMEOUT, self.inbox.arriving)
            wire.linger()
        elif wire.awaited in (Awaited.HEAD, Awaited.REQUEST):
            wire.expect(Awaited.NOTHING)
            wire.close()
        else:
            wire.abort()

    def shutdown(self) -> None:
        """Stop gracefully (uvicorn calls it): what was begun is finished, the rest is closed."""
        self.closing = True
        if self._stopping is not None:
            self._stopping()
        if self.wire.ending:
            return
        if self._active is None:
            self.wire.close()
        elif self._active.done:  # only the rest of an unwanted body is missing
            self.wire.linger()


def _address(name: object) -> Address | None:
    """Return host and port; a Unix socket has none. A socket for both versions of IP writes IPv4
    its own way (RFC 4291 §2.5.5.2)."""
    if not isinstance(name, tuple) or len(name) < 2:
        return None
    return str(name[0]).removeprefix("::ffff:"), int(name[1])
