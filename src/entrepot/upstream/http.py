"""`Http`: requests to one registry, with the login that it asks for, tried again where that helps.

A credential goes to the registry itself, and to a token service that it names by https or that is
on the same host; never to where a redirect leads. Source: OCI Distribution Specification; Docker
Registry v2 authentication, "Token".
"""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from entrepot import __version__
from entrepot.upstream.place import (
    BrokenError,
    HeldError,
    RefusedError,
    UnreachableError,
    UpstreamError,
    told,
)

if TYPE_CHECKING:
    import ssl

    import httpx2

T = TypeVar("T")

ATTEMPTS = 5
LONGEST_WAIT = 60.0
"""Seconds; who says that it takes longer is not waited for."""
_REDIRECTS = 5
_TIMEOUT = 60
_TOTAL = 600
_MOST = 8 * 1024 * 1024
_BUSY = {408, 425, 429, 500, 502, 503, 504}
_NEVER = {400, 403, 405, 409, 412}
_HOLDING = {"rule", "channel", "floats_with"}

_parameter = re.compile(r'([a-z_]+)="([^"]*)"').findall


@dataclass(frozen=True, slots=True)
class Credential:
    """A name and a password, or a token in place of both."""

    user: str = ""
    password: str = ""
    identity_token: str = ""
    """What Docker calls so: it is traded for others."""
    bearer: str = ""
    """What the registry itself takes as it is."""

    def __repr__(self) -> str:
        return f"Credential({self.user!r})"

    @property
    def basic(self) -> str:
        """As a header has it."""
        pair = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registry answered."""

    status: int
    headers: "httpx2.Headers"
    body: bytes = b""

    def checked(self, host: str) -> "Answer":
        """Itself, where it is an answer to work with; else raises `UpstreamError`."""
        if self.status < 400 or self.status == 404:
            return self
        said = self._said
        if self.status in _BUSY:
            wait = _wait(self.headers.get("retry-after", ""))
            raise BrokenError(f"{host}: {said}", wait, self.status)
        if self._holds:
            raise HeldError(f"{host} keeps it: {said}")
        if self.status in (401, 403):
            raise RefusedError(f"{host} refuses: {said}", f"log in: docker login {host}")
        raise UpstreamError(f"{host}: {said}")

    @property
    def _said(self) -> str:
        status = f"HTTP status {self.status}"
        return told(str(self._error.get("message") or "")) or status

    @property
    def _holds(self) -> bool:
        """Whether a tag is kept as it is. Entrepot says so in the detail; of others the word by
        which Harbor, Quay, Amazon and Google call it.
        """
        detail = self._error.get("detail")
        ours = isinstance(detail, dict) and bool(_HOLDING & detail.keys())
        word = "immutable" in str(self._error.get("message")).lower()
        return self.status in _NEVER and (ours or word)

    @property
    def _error(self) -> dict[str, Any]:
        try:
            found = json.loads(self.body)["errors"][0]
        except (ValueError, KeyError, IndexError, TypeError):
            return {}
        return found if isinstance(found, dict) else {}


class Http:
    """One registry, as `https://HOST[:PORT]`."""

    def __init__(
        self,
        origin: str,
        credential: Credential | None = None,
        ca: str | None = None,
        *,
        attempts: int = ATTEMPTS,
        timeout: float = _TIMEOUT,
        patience: float = LONGEST_WAIT,
        total: float = _TOTAL,
        namespace: str = "",
        ways: "Mapping[str, httpx2.BaseTransport] | None" = None,
        hear: Callable[[Mapping[str, str]], None] = lambda _: None,
    ) -> None:
        """`ca` is a file, `namespace` the registry that a mirror is to stand for.

        `patience` are the seconds that are waited for a busy one, `total` those that an answer may
        take. Where there are `ways`, by "http://" and "https://", all goes by them, past any proxy.
        `hear` is told the headers of each answer of the registry itself.
        """
        import httpx2

        self.origin = origin
        self._hear = hear
        self._attempts, self._patience, self._total = attempts, patience, total
        self._namespace = f"ns={quote(namespace, safe='')}" if namespace else ""
        self.host = urlsplit(origin).netloc
        self._credential = credential
        self._authorization: dict[str, str] = {}
        """By scope."""
        self._lock = threading.Lock()
        self._over = False
        self._errors = httpx2.HTTPError
        self._client = httpx2.Client(
            verify=_trusted(ca) if origin[:5] == "https" else False,
            timeout=timeout,
            follow_redirects=False,
            headers={"user-agent": f"entrepot/{__version__}", "accept-encoding": "identity"},
            limits=httpx2.Limits(max_connections=64),
            mounts=ways,
            trust_env=ways is None,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def give_up(self) -> None:
        """Let nothing that breaks off from now on look as if another attempt might do."""
        self._over = True

    def log_in_as(self, credential: Credential | None) -> None:
        """Go on with another login, where it is another one."""
        with self._lock:
            if credential != self._credential:
                self._credential = credential
                self._authorization.clear()

    def ask(
        self, method: str, path: str, scope: str, headers: Mapping[str, str] | None = None
    ) -> "Answer":
        """An answer with its body, of no more than a manifest has; tried again by itself.

        Raises `UpstreamError`; 404 is an answer.
        """
        attempt = partial(self.once, method, path, scope, headers)
        return again(attempt, self._attempts, self._patience)

    def once(
        self,
        method: str,
        path: str,
        scope: str,
        headers: Mapping[str, str] | None = None,
        content: "Iterator[bytes] | bytes | None" = None,
    ) -> "Answer":
        """The same, tried once. Who sends `content` has asked something before, and so logged in.

        Raises also `BrokenError`, and whatever the content raises.
        """
        given = {"headers": headers or {}, "content": content}
        with self._sent(method, self._url(path), scope, given) as response:
            answer = Answer(response.status_code, response.headers, self._read(response))
        if answer.status == 401 and content is not None:
            self._authorization.pop(scope, None)
            raise BrokenError(f"{self.host}: the login ended meanwhile")
        return answer.checked(self.host)

    @contextmanager
    def stream(
        self, path: str, scope: str, headers: Mapping[str, str]
    ) -> "Iterator[tuple[Answer, Iterator[bytes]]]":
        """GET something large: the answer, and its body as it comes, which may break off."""
        given = {"headers": headers, "content": None}
        with self._sent("GET", self._url(path), scope, given) as response:
            found = Answer(response.status_code, response.headers)
            if found.status not in (200, 206):
                found = Answer(response.status_code, response.headers, self._read(response))
            yield found.checked(self.host), response.iter_bytes()

    def _read(self, response: "httpx2.Response") -> bytes:
        found, end = bytearray(), time.monotonic() + self._total
        for part in response.iter_bytes():
            found += part
            if len(found) > _MOST:
                raise UpstreamError(f"{self.host} answers with more than anybody would read")
            if time.monotonic() > end:
                raise UnreachableError(f"{self.host} takes longer than {self._total:g} s")
        return bytes(found)

    def _url(self, path: str) -> str:
        if "://" in path or not self._namespace:
            return path if "://" in path else f"{self.origin}{path}"
        return f"{self.origin}{path}{'&' if '?' in path else '?'}{self._namespace}"

    @contextmanager
    def _sent(
        self, method: str, url: str, scope: str, given: dict[str, Any]
    ) -> "Iterator[httpx2.Response]":
        for _ in range(_REDIRECTS):
            sent = self._authorization.get(scope)
            with self._once(method, url, sent, given) as answer:
                if url.startswith(f"{self.origin}/"):
                    self._hear(answer.headers)
                refused = answer.status_code == 401 and given["content"] is None
                if refused and self._log_in(scope, sent, answer):
                    continue
                if answer.is_redirect and method in ("GET", "HEAD"):
                    url = str(answer.url.join(answer.headers.get("location", "")))
                    self._check_way(url)
                    continue
                yield answer
                return
        raise UpstreamError(f"{self.host} redirects, or asks for a login, again and again")

    @contextmanager
    def _once(
        self, method: str, url: str, authorization: str | None, given: dict[str, Any]
    ) -> "Iterator[httpx2.Response]":
        headers = dict(given["headers"])
        if authorization and url.startswith(f"{self.origin}/"):
            headers["authorization"] = authorization
        try:
            with self._client.stream(
                method, url, headers=headers, content=given["content"]
            ) as answer:
                yield answer
        except self._errors as error:
            why = told(str(error)) or type(error).__name__
            if self._over:
                raise UpstreamError(f"{self.host}: nothing more is asked") from None
            raise UnreachableError(f"{self.host}: {why}") from None

    def _check_way(self, url: str) -> None:
        if self.origin.startswith("https:") and not url.startswith("https:"):
            raise UpstreamError(f"{self.host} redirects from https to {told(url)!r}")

    def _log_in(self, scope: str, sent: str | None, answer: "httpx2.Response") -> bool:
        """Whether there is something new to try; another thread may have got it meanwhile."""
        with self._lock:
            if self._authorization.get(scope) != sent:
                return True
            found = self._answered(answer.headers.get("www-authenticate", ""), scope)
            if found is None or found == sent:
                return False
            self._authorization[scope] = found
            return True

    def _answered(self, challenge: str, scope: str) -> str | None:
        scheme, login = challenge.partition(" ")[0].lower(), self._credential
        if login is not None and login.bearer:
            return f"Bearer {login.bearer}"
        if scheme == "basic" and login is not None:
            return login.basic
        if scheme == "bearer":
            return f"Bearer {self._token(dict(_parameter(challenge)), scope)}"
        return None

    def _token(self, challenge: Mapping[str, str], scope: str) -> str:
        realm = challenge.get("realm", "")
        if not realm.startswith(("https://", f"{self.origin}/")):
            raise UpstreamError(f"{self.host} sends logins to {told(realm)!r}, which is no https")
        wanted = {"service": challenge.get("service", ""), "scope": scope.split()}
        login = self._credential
        try:
            if login is not None and login.identity_token:
                form = {
                    **wanted,
                    "scope": scope,
                    "grant_type": "refresh_token",
                    "refresh_token": login.identity_token,
                    "client_id": "entrepot",
                }
                answer = self._client.post(realm, data=form)
            else:
                headers = {"authorization": login.basic} if login else {}
                answer = self._client.get(realm, params=wanted, headers=headers)
            document = answer.json() if answer.status_code == 200 else {}
        except (self._errors, ValueError) as error:
            raise BrokenError(f"{self.host}'s token service: {told(str(error))}") from None
        if answer.status_code != 200:
            Answer(answer.status_code, answer.headers, answer.content).checked(self.host)
            raise UpstreamError(f"{self.host}'s token service answered {answer.status_code}")
        return str(document.get("token") or document.get("access_token") or "")


def again(attempt: Callable[[], T], most: int = ATTEMPTS, patience: float = LONGEST_WAIT) -> T:
    """Make it some more times where the other side broke off or is busy. Raises `UpstreamError`."""
    for count in range(1, most + 1):
        try:
            return attempt()
        except BrokenError as error:
            pause(error, count, most, patience)
    raise AssertionError("pause raises at last")


def pause(
    error: BrokenError, count: int, most: int = ATTEMPTS, patience: float = LONGEST_WAIT
) -> None:
    """Wait before the next attempt; raise what happened after the last, or where it takes long."""
    wait = error.wait or 0.2 * 2**count
    if count >= most or wait > patience:
        raise error
    time.sleep(wait)


def _trusted(ca: str | None) -> "ssl.SSLContext":
    """The CAs of the system, and the one that is named. Raises OSError."""
    import ssl

    found = ssl.create_default_context()
    if ca is not None:
        found.load_verify_locations(ca)
    return found


def _wait(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
