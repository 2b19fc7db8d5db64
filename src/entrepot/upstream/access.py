"""`Access`: what one registry is shown, for each scope, so that it lets us in.

A password goes to the registry itself, and to a token service that the registry itself names by
https or that is on the same host. What either says is read within bounds: it may be anything.
Source: Docker Registry v2 authentication, "Token"; RFC 7617; RFC 6750.
"""

import base64
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from entrepot.upstream.place import UpstreamError, parsed, told

if TYPE_CHECKING:
    from entrepot.upstream.answer import Answer

_MOST = 1000
"""Scopes for which something is remembered: whoever pulls names the repositories."""
_AT_ONCE = 16
_LONGEST_CHALLENGE, _LONGEST_TOKEN = 8 * 1024, 64 * 1024
"""Characters."""

# A parameter of a challenge, or else the name of a scheme (RFC 9110, 11.3).
_words = re.compile(r'([\w-]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))|([\w-]+)', re.ASCII).findall


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


Fetch = Callable[[str, str, Mapping[str, Any]], "Answer"]
"""From a method, a URL and what goes with it to a token service's answer. Raises
`UpstreamError`.
"""


class Access:
    """That to one registry; any thread may ask."""

    def __init__(self, origin: str, credential: Credential | None, fetch: Fetch) -> None:
        self._origin, self._host = origin, origin.partition("://")[2]
        self._credential, self._fetch = credential, fetch
        self.shows_password = False
        """Whether the registry itself is shown it: then 401 means that it is wrong."""
        self._known: OrderedDict[str, str] = OrderedDict()
        """By scope, a header."""
        self._locks = [threading.Lock() for _ in range(_AT_ONCE)]
        """So that a scope is asked for once, and a service that hangs holds up few others."""

    @property
    def has_login(self) -> bool:
        """Whether it comes as somebody."""
        return self._credential is not None

    @property
    def plain(self) -> dict[str, str]:
        """Headers that show the name and the password as they are; none where there are none."""
        login = self._credential
        return {"authorization": login.basic} if login and login.password else {}

    def shown(self, scope: str) -> str | None:
        """What is shown for a scope; None for nothing."""
        return self._known.get(scope)

    def forget(self, scope: str) -> None:
        """What was shown is not good any more."""
        self._known.pop(scope, None)

    def log_in_as(self, credential: Credential | None) -> None:
        """Go on with another login, where it is another one."""
        if credential != self._credential:
            self._credential = credential
            self._known.clear()

    def renew(self, scope: str, sent: str | None, challenge: str) -> bool:
        """Whether there is something new to show to a registry that asked for a login; another
        thread may have got it meanwhile. Raises `UpstreamError`.
        """
        with self._locks[hash(scope) % _AT_ONCE]:
            if self._known.get(scope) != sent:
                return True
            found = self._answered(challenge[:_LONGEST_CHALLENGE], scope)
            if found is None or found == sent:
                return False
            self._known[scope] = found
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
            return True

    def _answered(self, challenge: str, scope: str) -> str | None:
        schemes, login = _schemes(challenge), self._credential
        if login is not None and login.bearer:
            return f"Bearer {login.bearer}"
        if "bearer" in schemes:
            return f"Bearer {self._token(schemes['bearer'], scope)}"
        if "basic" in schemes and login is not None:
            self.shows_password = True
            return login.basic
        return None

    def _token(self, challenge: Mapping[str, str], scope: str) -> str:
        realm = challenge.get("realm", "")
        if not realm.startswith(("https://", f"{self._origin}/")):
            raise UpstreamError(f"{self._host} sends logins to {told(realm)!r}, which is no https")
        wanted = _joined(scope, challenge.get("scope", ""))
        service = challenge.get("service")
        answer = self._traded(realm, {"service": service} if service else {}, wanted)
        answer.checked(self._host, logged_in=self.has_login, shown=self.has_login)
        try:
            document = parsed(answer.body) if answer.status == 200 else {}
            token = document.get("token") or document.get("access_token") or ""
        except (ValueError, AttributeError):
            token = None
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN or not _is_header(token):
            raise UpstreamError(f"{self._host}'s token service answers what is no token")
        if answer.status != 200:
            raise UpstreamError(f"{self._host}'s token service answered {answer.status}")
        return token

    def _traded(self, realm: str, wanted: dict[str, str], scope: str) -> "Answer":
        """What a token service gives for the login, or to anybody."""
        login = self._credential
        if login is None or not login.identity_token:
            headers = {"authorization": login.basic} if login else {}
            place, _, own = realm.partition("?")
            params = [
                *parse_qsl(own, keep_blank_values=True),
                *wanted.items(),
                *(("scope", x) for x in scope.split()),
            ]
            return self._fetch("GET", place, {"params": params, "headers": headers})
        form = {
            **wanted,
            "scope": scope,
            "grant_type": "refresh_token",
            "refresh_token": login.identity_token,
            "client_id": "entrepot",
        }
        return self._fetch("POST", realm, {"data": form})


def _schemes(challenge: str) -> dict[str, dict[str, str]]:
    """By its name, what each scheme says by which one may log in; the first of a name counts."""
    found: dict[str, dict[str, str]] = {}
    parameters: dict[str, str] = {}
    for name, quoted, plain, scheme in _words(challenge):
        if scheme:
            parameters = {}
            found.setdefault(scheme.lower(), parameters)
        else:
            parameters[name.lower()] = quoted or plain
    return found


def _joined(scope: str, asked: str) -> str:
    """Ours, and what a registry asks for besides: a mirror has other names for its repositories."""
    ours = scope.split()
    known = {each.rpartition(":")[0] for each in ours}
    return " ".join([*ours, *(x for x in asked.split() if x.rpartition(":")[0] not in known)])


def _is_header(text: str) -> bool:
    """Whether it can stand in a header as it is."""
    return text.isascii() and text.isprintable()
