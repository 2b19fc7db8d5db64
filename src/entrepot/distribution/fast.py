"""The fast path: a plain function that answers what lies ready, before any task is made.

The protocol class asks it for GET and HEAD without a body (`server.protocol`). It knows nothing
that the usual way does not; whatever is conditional, partial or unknown it leaves to that.
"""

import time

from entrepot.distribution.asgi import Header
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import MAX_AGENT, certificate_credential, sane_id
from entrepot.distribution.router import Kind

_LEAVE = frozenset(
    {
        b"range",
        b"if-none-match",
        b"if-match",
        b"if-modified-since",
        b"if-unmodified-since",
        b"content-length",
        b"transfer-encoding",
    }
)
_MANIFEST = Kind.MANIFEST.value
_OK = b"HTTP/1.1 200 OK\r\n"
_ELSEWHERE = b"HTTP/1.1 307 Temporary Redirect\r\n"


class Fast:
    """The function, with what it needs at hand."""

    def __init__(self, registry: Registry) -> None:
        self._get = registry.resolved.get
        self._passes = registry.guard.passes.find
        self._pulled = registry.guard.trail.pulled
        self._seen = registry.guard.trail.seen
        self._new_id = registry.observer.request_id
        self._answered = registry.observer.answered
        self._mirrors = frozenset(host.encode() for host in registry.mirror_hosts)
        """Hosts by which the same target means another image."""

    def __call__(  # noqa: C901, PLR0912 - one function: calls would cost more than they tidy
        self,
        method: str,
        target: bytes,
        headers: list[Header],
        client: tuple[str, int] | None,
        certificate: str = "",
    ) -> tuple[bytes, bytes] | None:
        """Status line, and all that follows the server's own headers; None to go the usual way."""
        started = time.perf_counter()
        answer = self._get(target)
        if answer is None or answer.until < started:
            return None
        status = answer.status
        if status != 200 and method != "GET":  # HEAD is of the content, wherever it lies
            return None
        agent = given = b""
        credential: bytes | None = None
        accepted = asked = False
        for name, value in headers:
            if name in _LEAVE or (name == b"host" and value in self._mirrors):
                return None
            if name == b"accept":
                asked = True
                accepted = accepted or answer.accepted_by in value or b"*/*" in value
            elif name == b"user-agent":
                agent = value
            elif name == b"x-request-id":
                given = value
            elif name == b"authorization":
                credential = value if credential is None else credential + b", " + value
        if asked and not accepted and answer.negotiable:
            return None
        if certificate and not credential:
            credential = certificate_credential(certificate)
        admitted = self._passes(credential or b"", answer.repository)
        if admitted is None:
            return None
        request = sane_id(given) or self._new_id()
        head = b"x-request-id: %b\r\n%b" % (request.encode(), answer.head)
        sent = len(answer.content) if method == "GET" else 0
        if method == "GET" and not admitted.private:
            if answer.route == _MANIFEST:
                self._seen(answer.repository, answer.digest)
        elif method == "GET":
            self._pulled(
                admitted.actor,
                client[0] if client else "-",
                agent[:MAX_AGENT],
                request,
                answer.repository,
                target,
                answer.digest,
            )
        self._answered(
            answer.route,
            time.perf_counter() - started,
            request,
            client[0] if client else "-",
            method,
            target.decode("latin-1"),
            status,
            sent,
            agent.decode("latin-1"),
        )
        line = _OK if status == 200 else _ELSEWHERE
        return line, head + answer.content if sent else head
