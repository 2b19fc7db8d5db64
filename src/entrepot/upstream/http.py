"""`Http`: requests to one registry, with the login that it asks for, tried again where that helps.

A login is for the registry alone, and never for where a redirect leads, whatever that asks for.
Bodies are taken as they come, undone from no encoding: so a limit of bytes is a limit of memory.
Source: OCI Distribution Specification. Next: `access`, what is shown for a login.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from random import SystemRandom
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit

from entrepot import __version__
from entrepot.upstream.access import Access, Credential
from entrepot.upstream.answer import Answer
from entrepot.upstream.heads import Heads
from entrepot.upstream.place import BrokenError, UnreachableError, UpstreamError, reason, told

if TYPE_CHECKING:
    import ssl

    import httpx2

T = TypeVar("T")

ATTEMPTS = 5
LONGEST_WAIT = 60.0
"""Seconds; who says that it takes longer is not waited for."""
_REDIRECTS = 5
_LOGINS = 2
"""For one answer: a token may have ended, and its heir, too. One more would be refused as well."""
_TIMEOUT = 60
_TOTAL = 600
_STORING = 300.0
"""Seconds that a registry has to keep what it was sent, before it answers: some copy it then."""
_MOST = 8 * 1024 * 1024
_spread = SystemRandom().uniform


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
        only_kept: bool = False,
        ways: "Mapping[str, httpx2.BaseTransport] | None" = None,
        hear: Callable[[Mapping[str, str]], None] = lambda _: None,
    ) -> None:
        """`ca` is a file, `namespace` the registry that a mirror is to stand for. With
        `only_kept` a cache is to fetch nothing for us.

        `patience` are the seconds that are waited for a busy one, `total` those that an answer may
        take. Where there are `ways`, by "http://" and "https://", all goes by them, past any proxy.
        `hear` is told the headers of each answer of the registry itself.
        """
        from http.cookiejar import CookieJar, DefaultCookiePolicy

        import httpx2

        self.origin = origin
        self._hear = hear
        self._attempts, self._patience, self._total = attempts, patience, total
        self._namespace = f"ns={quote(namespace, safe='')}" if namespace else ""
        self.host = urlsplit(origin).netloc
        self._over = False
        self._access = Access(origin, credential, self._fetched)
        self.log_in_as = self._access.log_in_as
        self.heads = Heads(self)
        self._errors = (httpx2.HTTPError, httpx2.InvalidURL)
        self._storing = httpx2.Timeout(timeout, read=_STORING)
        headers = {"user-agent": f"entrepot/{__version__}", "accept-encoding": "identity"}
        if only_kept:
            headers["cache-control"] = "only-if-cached"
        self._client = httpx2.Client(
            verify=_trusted(ca) if origin[:5] == "https" else False,
            timeout=timeout,
            follow_redirects=False,
            headers=headers,
            limits=httpx2.Limits(max_connections=64),
            mounts=ways,
            trust_env=ways is None,
            # No registry needs any, and all answers' would be kept for as long as the server runs.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def give_up(self) -> None:
        """Let nothing that breaks off from now on look as if another attempt might do."""
        self._over = True

    def ask(
        self, method: str, path: str, scope: str, headers: Mapping[str, str] | None = None
    ) -> Answer:
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
    ) -> Answer:
        """The same, tried once. Who sends `content` has asked something before, and so logged in.

        Raises also `BrokenError`, and whatever the content raises.
        """
        given: dict[str, Any] = {"headers": dict(headers or {}), "content": content}
        if content is not None:
            given["timeout"] = self._storing
        with self._sent(method, self._url(path), scope, given) as response:
            body, url = self._read(response), str(response.url)
            answer = Answer(response.status_code, response.headers, body, url)
        if answer.status == 401 and content is not None:
            self._access.forget(scope)
            raise BrokenError(f"{self.host}: the login ended meanwhile")
        return self._checked(answer)

    def _checked(self, answer: Answer) -> Answer:
        access = self._access
        return answer.checked(self.host, logged_in=access.has_login, shown=access.shows_password)

    def plain(self, path: str) -> Answer:
        """GET what is no image, with the name and password as they are. Raises as `once` does; 409
        is an answer, too.
        """
        headers = {"accept": "application/json", **self._access.plain}
        with self._once("GET", f"{self.origin}{path}", {"headers": headers}) as response:
            found = Answer(response.status_code, response.headers, self._read(response))
        return found if found.status == 409 else self._checked(found)

    @contextmanager
    def stream(
        self, path: str, scope: str, headers: Mapping[str, str]
    ) -> Iterator[tuple[Answer, Iterator[bytes]]]:
        """GET something large: the answer, and its body as it comes, which may break off."""
        given = {"headers": dict(headers), "content": None}
        with self._sent("GET", self._url(path), scope, given) as response:
            found = Answer(response.status_code, response.headers)
            if found.status not in (200, 206):
                found = Answer(response.status_code, response.headers, self._read(response))
            yield self._checked(found), response.iter_raw()

    def head_of(self, path: str, scope: str, headers: Mapping[str, str]) -> Answer:
        """What GET says before the body, which is left; tried again by itself. Raises as `ask`."""

        def attempt() -> Answer:
            with self.stream(path, scope, headers) as (answer, _):
                return answer

        return again(attempt, self._attempts, self._patience)

    def _read(self, response: "httpx2.Response") -> bytes:
        found, end = bytearray(), time.monotonic() + self._total
        for part in response.iter_raw():
            found += part
            if len(found) > _MOST:
                raise UpstreamError(f"{self.host} answers with more than anybody would read")
            if time.monotonic() > end:
                raise UnreachableError(f"{self.host} takes longer than {self._total:g} s")
        return bytes(found)

    def _url(self, path: str) -> str:
        if "://" in path:
            self._check_way(path)
            return path
        if not self._namespace:
            return f"{self.origin}{path}"
        return f"{self.origin}{path}{'&' if '?' in path else '?'}{self._namespace}"

    @contextmanager
    def _sent(
        self, method: str, url: str, scope: str, given: dict[str, Any]
    ) -> "Iterator[httpx2.Response]":
        logins = 0
        for _ in range(_REDIRECTS):
            sent, is_own = self._access.shown(scope), url.startswith(f"{self.origin}/")
            own = {"authorization": sent} if sent and is_own else {}
            with self._once(method, url, {**given, "headers": given["headers"] | own}) as answer:
                if is_own:
                    self._hear(answer.headers)
                refused = is_own and answer.status_code == 401 and given["content"] is None
                asks = answer.headers.get("www-authenticate", "")
                if refused and logins < _LOGINS and self._access.renew(scope, sent, asks):
                    logins += 1
                    continue
                if answer.is_redirect and method in ("GET", "HEAD"):
                    url = str(answer.url.join(answer.headers.get("location", "")))
                    self._check_way(url)
                    continue
                yield answer
                return
        raise UpstreamError(f"{self.host} redirects again and again")

    @contextmanager
    def _once(self, method: str, url: str, given: Mapping[str, Any]) -> "Iterator[httpx2.Response]":
        try:
            with self._client.stream(method, url, **given) as answer:
                yield answer
        except self._errors as error:
            why = reason(error)
            if self._over:
                raise UpstreamError(f"{self.host}: nothing more is asked") from None
            named = why.startswith(f"{urlsplit(self.origin).hostname} ")
            raise UnreachableError(why if named else f"{self.host}: {why}") from None

    def _fetched(self, method: str, url: str, given: Mapping[str, Any]) -> Answer:
        """What a token service answers."""
        with self._once(method, url, given) as response:
            return Answer(response.status_code, response.headers, self._read(response))

    def _check_way(self, url: str) -> None:
        if self.origin.startswith("https:") and not url.startswith("https:"):
            raise UpstreamError(f"{self.host} redirects from https to {told(url)!r}")


def again(attempt: Callable[[], T], most: int = ATTEMPTS, patience: float = LONGEST_WAIT) -> T:
    """Make it some more times where the other side broke off or is busy. Raises `UpstreamError`."""
    for count in range(1, most + 1):
        try:
            return attempt()
        except BrokenError as error:
            pause(error, count, most, patience)
    raise AssertionError("pause raises at last")


def pause(
    error: BrokenError,
    count: int,
    most: int = ATTEMPTS,
    patience: float = LONGEST_WAIT,
    over: Event | None = None,
) -> None:
    """Wait before the next attempt, not all for as long; raise what happened after the last, where
    it takes long, or where all is over meanwhile.
    """
    wait = error.wait or 0.2 * 2**count
    if count >= most or wait > patience:
        raise error
    if (over or Event()).wait(wait * _spread(1.0, 1.25)):
        raise error


def _trusted(ca: str | None) -> "ssl.SSLContext":
    """The CAs of the system, and the one that is named. Raises OSError."""
    import ssl

    found = ssl.create_default_context()
    if ca is not None:
        found.load_verify_locations(ca)
    return found
