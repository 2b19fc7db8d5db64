"""A request as it arrives, and the rules that llhttp leaves to its user.

Invariant: a request that passes `check` has one reading only. Whatever two servers might read
differently (RFC 9112 §11.2, request smuggling) is refused. llhttp already refuses line folding,
bare CR or LF, spaces before a colon, doubled or malformed lengths, a length beside a coding, and
malformed chunks; tests/server/test_smuggling.py holds it to that.
"""

from entrepot.server.asgi import Headers
from entrepot.server.body import Body
from entrepot.server.refusal import RefusedError, bad_request

FORWARDED = frozenset((b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"))
"""The headers that only a trusted proxy may send; the app never sees them (proxies.py)."""

FRAMING = FORWARDED | {b"content-length", b"transfer-encoding", b"host", b"expect"}
"""The headers that decide how a request is read."""


class Request:
    """Request line, headers and body of one request."""

    # Defaults of the class: most requests change few of them, and one is made for each.
    method = ""
    target = b""
    version = ""
    hosts = 0
    length = 0
    coding: bytes | None = None
    expects_continue = False
    keep_alive = False
    body: Body | None = None
    forwarded: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self) -> None:
        self.headers: Headers = []

    def note(self, name: bytes, value: bytes) -> None:
        """Remember a header of `FRAMING`."""
        if name == b"host":
            self.hosts += 1
        elif name == b"content-length":
            self.length = int(value)
        elif name == b"transfer-encoding":
            self.coding = value if self.coding is None else self.coding + b"," + value
        elif name in FORWARDED:
            self.forwarded += (self.headers.pop(),)
        else:
            self.expects_continue = value.lower() == b"100-continue"

    def check(self, *, wants_upgrade: bool) -> None:
        """Refuse what could be read in two ways; then give the request its body, if it has one."""
        if self.version not in ("1.1", "1.0"):
            raise RefusedError(
                bad_request(f"version {self.version} is not served, only 1.1 and 1.0")
            )
        if self.hosts > 1 or (self.hosts == 0 and self.version == "1.1"):
            raise RefusedError(bad_request("it needs exactly one Host header"))
        if self.coding is not None or self.length:
            self._check_body(wants_upgrade)
        if not self.target.startswith(b"/") or b"#" in self.target:
            self._check_target()

    def head_size(self) -> int:
        """Return about how many bytes request line and headers took."""
        headers = (*self.headers, *self.forwarded)
        return len(self.target) + sum(len(name) + len(value) + 4 for name, value in headers)

    def _check_body(self, wants_upgrade: bool) -> None:
        if self.coding is not None:
            if self.version == "1.0":
                raise RefusedError(bad_request("HTTP/1.0 has no Transfer-Encoding"))
            if self.coding.lower() != b"chunked":
                raise RefusedError(bad_request("the only Transfer-Encoding served is chunked"))
        # llhttp stops at the headers of an upgrade: where the body ends would be a guess.
        if wants_upgrade:
            raise RefusedError(bad_request("no Upgrade is served, least of all with a body"))
        self.body = Body(self.length if self.coding is None else None)

    def _check_target(self) -> None:
        if self.method == "CONNECT":
            raise RefusedError(bad_request("CONNECT is for proxies"))
        if b"#" in self.target:
            raise RefusedError(bad_request("the target has a fragment"))
        if self.target == b"*" and self.method == "OPTIONS":
            return
        self._take_authority_from_target()

    def _take_authority_from_target(self) -> None:
        """Turn `http://host/path` into `/path`; its host replaces Host (RFC 9112 §3.2.2)."""
        scheme, found, rest = self.target.partition(b"://")
        authority, slash, path = rest.partition(b"/")
        if not found or scheme.lower() not in (b"http", b"https") or not authority:
            raise RefusedError(bad_request("the target is neither a path nor a URL"))
        if b"?" in authority or b"@" in authority:
            raise RefusedError(bad_request("the target's host is malformed"))
        self.target = slash + path or b"/"
        self.headers[:] = [h for h in self.headers if h[0] != b"host"]
        self.headers.insert(0, (b"host", authority))
