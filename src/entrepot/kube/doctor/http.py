"""`Http`: requests to one registry, with the login that it asks for.

A password goes only over TLS that was verified, or to this machine itself.
Source: Docker Registry v2 authentication; OCI Distribution Specification, "Error Codes".
"""

import json
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from entrepot import __version__
from entrepot.addresses import is_this_machine
from entrepot.kube.doctor import limits, reach
from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.endpoint import Endpoint
from entrepot.kube.doctor.pull_secret import Credential

if TYPE_CHECKING:
    import httpx2

Sink = Callable[[bytes], None]
"""Takes the body of a good answer, piece by piece."""

_MOST = 8 * 1024 * 1024
_LONGEST = 300
_UNSIGNED = "has no good signature of"
"""What this registry says where a project demands signatures (`distribution.signed`)."""

_parameter = re.compile(r'([a-z_]+)="([^"]*)"').findall


class StoppedError(Exception):
    """The pull ends here."""

    def __init__(self, cause: Cause, detail: str = "", near: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail
        self.near = near


@dataclass(frozen=True, slots=True)
class Answer:
    """What the registry answered."""

    status: int
    headers: "httpx2.Headers"
    body: bytes
    cut: bool = False
    """Whether there was more than anybody would read."""

    @property
    def document(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def code(self) -> str:
        """The code of its first error."""
        return self._error("code")

    @property
    def words(self) -> str:
        """The registry's own, fit to be shown."""
        text = self._error("message") or f"HTTP status {self.status}"
        hint = dict(_parameter(self.headers.get("www-authenticate", ""))).get("error", "")
        return shown(f"{text} ({hint})" if hint else text)

    def _error(self, field: str) -> str:
        try:
            return str(self.document["errors"][0][field])
        except (KeyError, IndexError, TypeError):
            return ""


class Http:
    """A connection to where images of a host are, for one credential or none."""

    def __init__(
        self, at: Endpoint, context: ssl.SSLContext, credential: Credential | None = None
    ) -> None:
        import httpx2

        found = reach.trouble(at.server, None if at.plain else context)
        plain = at.plain or (found is Cause.PLAIN_HTTP and is_this_machine(at.server))
        if found is not None and not (plain and found is Cause.PLAIN_HTTP):
            raise StoppedError(found, "TLS fails" if found is Cause.REGISTRY_FAILS else "")
        self._base = f"{'http' if plain else 'https'}://{at.server}"
        self._prefix, self._namespace = at.prefix, at.namespace
        self._credential = credential
        self._authorization = ""
        self.count: limits.Count | None = None
        self._errors = httpx2.HTTPError
        self._client = httpx2.Client(verify=context, timeout=reach.SECONDS, trust_env=False)

    def __enter__(self) -> "Http":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, method: str, path: str, accept: str = "*/*", sink: Sink | None = None) -> Answer:
        """Ask below /v2/; it logs in where that is wanted. Raises `StoppedError`."""
        url = f"{self._base}{self._prefix}/{path}"
        if self._namespace:
            url += f"{'&' if '?' in path else '?'}ns={quote(self._namespace, safe='')}"
        answer = self._send(method, url, accept, sink)
        if answer.status == 401:
            self._log_in(answer)
            answer = self._send(method, url, accept, sink)
        if answer.status == 401 and self._authorization.startswith("Basic"):
            self._refused(answer)
        if answer.status == 403 and _UNSIGNED in answer.words:
            raise StoppedError(Cause.UNSIGNED, answer.words)
        if answer.status in (401, 403) and not limits.is_quota(answer.words):
            found = Cause.NO_CREDENTIAL if self._credential is None else Cause.NO_RIGHT
            raise StoppedError(found, answer.words)
        return _usable(answer)

    def follow(self, answer: Answer, sink: Sink | None = None) -> Answer:
        """Where a blob lies elsewhere, ask there, as nobody."""
        place = answer.headers.get("location", "")
        if not 300 <= answer.status < 400 or not place.startswith("https://"):
            return answer
        return self._fetch("GET", place, {}, sink)

    def _send(self, method: str, url: str, accept: str, sink: Sink | None) -> Answer:
        headers = {"accept": accept}
        if self._authorization:
            headers["authorization"] = self._authorization
        return self._fetch(method, url, headers, sink)

    def _log_in(self, answer: Answer) -> None:
        challenge = answer.headers.get("www-authenticate", "")
        scheme = challenge.partition(" ")[0].lower()
        if scheme == "basic":
            if self._credential is None or self._authorization:
                self._refused(answer)
            self._authorization = _basic(self._credential)
        elif scheme == "bearer":
            self._authorization = f"Bearer {self._token(dict(_parameter(challenge)))}"
        else:
            self._refused(answer)

    def _token(self, challenge: dict[str, str]) -> str:
        realm = challenge.get("realm", "")
        if urlsplit(realm).scheme != "https" and not realm.startswith(f"{self._base}/"):
            raise StoppedError(Cause.REGISTRY_FAILS, f"it sends logins to {shown(realm)!r}")
        wanted = {key: challenge[key] for key in ("service", "scope") if key in challenge}
        headers = {"authorization": _basic(self._credential)} if self._credential else {}
        answer = self._fetch("GET", realm, headers, params=wanted)
        if headers and "failed login" in answer.words:  # 429 by now, since the kubelet tries again
            self._refused(answer)
        if _usable(answer).status != 200:
            self._refused(answer)
        document = answer.document or {}
        return str(document.get("token") or document.get("access_token") or "")

    def _refused(self, answer: Answer) -> None:
        if self._credential is None:
            raise StoppedError(Cause.NO_CREDENTIAL, answer.words)
        expired = "expired" in answer.words.lower()
        cause = Cause.CREDENTIAL_EXPIRED if expired else Cause.CREDENTIAL_REFUSED
        raise StoppedError(cause, answer.words)

    def _fetch(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        sink: Sink | None = None,
        **given: Any,
    ) -> Answer:
        headers = {"user-agent": f"entrepot-doctor/{__version__}", **headers}
        try:
            with self._client.stream(method, url, headers=headers, **given) as response:
                self.count = limits.Count.read(response.headers) or self.count
                if sink is not None and response.status_code == 200:
                    for part in response.iter_bytes():
                        sink(part)
                    return Answer(200, response.headers, b"")
                body = b""
                for part in response.iter_bytes():
                    body += part
                    if len(body) > _MOST:
                        return Answer(response.status_code, response.headers, body, cut=True)
                return Answer(response.status_code, response.headers, body)
        except self._errors as error:
            raise StoppedError(Cause.REGISTRY_FAILS, shown(f"{error}")) from None


def shown(text: str) -> str:
    """What others wrote, so that no terminal is led astray by it."""
    text = text[:_LONGEST]
    return text if text.isprintable() else ascii(text)[1:-1]


def _usable(answer: Answer) -> Answer:
    if answer.status == 429:
        raise StoppedError(Cause.TOO_MANY, answer.words + shown(limits.told(answer.headers)))
    if answer.status >= 500:
        raise StoppedError(Cause.REGISTRY_FAILS, answer.words)
    if answer.status >= 400 and answer.status != 404 and limits.is_quota(answer.words):
        raise StoppedError(Cause.OVER_QUOTA, answer.words)
    return answer


def _basic(credential: Credential | None) -> str:
    from base64 import b64encode

    assert credential is not None
    pair = f"{credential.user}:{credential.password}".encode()
    return f"Basic {b64encode(pair).decode()}"
