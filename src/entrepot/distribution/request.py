"""`Request`: what a handler may ask of a request. Bodies are read by `distribution.body`."""

import hashlib
import re
import ssl
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from entrepot.auth.actor import NO_SESSION, Actor
from entrepot.auth.decision import Visit
from entrepot.db.audit import By
from entrepot.distribution.asgi import Receive, Scope
from entrepot.distribution.router import Kind, Route
from entrepot.oci.errors import Code, OCIError
from entrepot.redaction import redacted

MAX_PARAMETERS = 64
"""Query parameters of one request; `tag` may come several times."""

MAX_AGENT = 200
"""Characters of a client's name that are kept."""

MAX_REASON = 500
"""Characters of why somebody does something."""

_request_id = re.compile(rb"[A-Za-z0-9._-]{1,64}").fullmatch


class Request:
    """One request, read as far as someone asked."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.receive = receive
        self.method: str = scope["method"]
        self.route = Route(Kind.NOWHERE)
        self.received = 0
        """Bytes of the body taken in."""
        self.most_body = 0
        """Bytes of the body that its handler takes; 0 where it has not said."""
        self.session = NO_SESSION
        self.namespace = ""
        """The registry that is meant by one of its own names, where this one is its mirror."""
        self.asked = ""
        """What a client calls the repository, where that is not what it is called here."""
        self.lasting = True
        """Whether others who ask for the same target mean the same by it."""
        self.identity = ""
        """What logs and the audit call the request."""

    @cached_property
    def headers(self) -> dict[bytes, bytes]:
        """By lower-case name; values of a repeated header are joined by commas."""
        found: dict[bytes, bytes] = {}
        for name, value in self.scope["headers"]:
            found[name] = found[name] + b", " + value if name in found else value
        return found

    def header(self, name: bytes) -> str:
        """A header's value, "" where it is missing."""
        return self.headers.get(name, b"").decode("latin-1")

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """Query parameters; those that nobody knows are simply never asked for."""
        text = self.scope["query_string"].decode("latin-1")
        try:
            return parse_qs(text, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
        except ValueError:
            raise OCIError(
                Code.UNSUPPORTED, f"more than {MAX_PARAMETERS} query parameters", status=400
            ) from None

    def parameter(self, name: str) -> str | None:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else None

    @property
    def even_if_running(self) -> bool:
        """Whether to delete also what a cluster has."""
        return self.parameter("even_if_running") == "true"

    @property
    def reason(self) -> str:
        """Why, as the client says: the header Entrepot-Reason, in UTF-8; "" where it does not."""
        try:
            text = self.headers.get(b"entrepot-reason", b"").decode()
        except UnicodeDecodeError:
            text = "\0"
        if len(text) > MAX_REASON or not text.isprintable():
            raise OCIError(
                Code.UNSUPPORTED,
                f"Entrepot-Reason: write at most {MAX_REASON} letters, digits, signs and spaces",
                status=400,
            )
        return text

    @property
    def target(self) -> str:
        """Path and query as the client wrote them."""
        path: bytes = self.scope.get("raw_path") or self.scope["path"].encode()
        query: bytes = self.scope["query_string"]
        return (path + b"?" + query if query else path).decode("latin-1")

    @property
    def client(self) -> str:
        """The peer's address."""
        peer: Any = self.scope.get("client")
        return peer[0] if peer else "-"

    @cached_property
    def length(self) -> int | None:
        """Content-Length in bytes, None where the body is chunked."""
        if b"transfer-encoding" in self.headers:
            return None
        text = self.header(b"content-length")
        return int(text) if text else 0

    @property
    def actor(self) -> Actor:
        """Who asks; anonymous until the guard has asked."""
        return self.session.actor

    @property
    def certificate(self) -> str:
        """The client certificate that the handshake verified, as PEM; "" for none."""
        tls: Any = (self.scope.get("extensions") or {}).get("tls")
        chain: list[str] = tls["client_cert_chain"] if tls else []
        return chain[0] if chain else ""

    @cached_property
    def credential(self) -> bytes:
        """What the client showed, as a key: the Authorization header, else the certificate."""
        given = self.headers.get(b"authorization", b"")
        if given or not (pem := self.certificate):
            return given
        der = ssl.PEM_cert_to_DER_cert(pem)
        return certificate_credential(hashlib.sha256(der).hexdigest())

    @property
    def visit(self) -> Visit:
        """From where, and whether with a certificate."""
        return Visit(self.client, bool(self.certificate))

    def by(self) -> By:
        """Who did it, for the audit."""
        actor = self.actor
        return By(
            actor.subject,
            actor.via,
            self.client,
            redacted(self.header(b"user-agent")[:MAX_AGENT]),
            self.identity,
            actor.detail,
        )

    @property
    def id(self) -> str:
        """The id that the client or a proxy gave the request, "" where there is none."""
        return sane_id(self.headers.get(b"x-request-id", b""))


def certificate_credential(fingerprint: str) -> bytes:
    """A client certificate as a key; no Authorization header begins so."""
    return b"\0certificate " + fingerprint.encode()


def sane_id(given: bytes) -> str:
    """A request's id that came from outside; "" for none, and for one that no log should show."""
    if not given or not _request_id(given):
        return ""
    text = given.decode()
    return text if redacted(text) == text else ""
