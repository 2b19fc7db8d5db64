"""Who asks: a request's credential becomes a session, which is kept for the next request.

Next: `auth.login` checks what is not known yet, `guard` says whether they may.
"""

import base64
import binascii
import time
from collections import OrderedDict
from dataclasses import replace

from entrepot.auth import tokens
from entrepot.auth.actor import NO_SESSION, Session
from entrepot.auth.directory import Directory
from entrepot.auth.login import Login, RefusedError
from entrepot.auth.secrets import is_ours
from entrepot.auth.tokens import TokenError
from entrepot.auth.trail import Trail
from entrepot.db.audit import DENIED, Event
from entrepot.db.secrets import Kind
from entrepot.distribution.request import Request

_MOST = 10_000
"""Sessions kept at once; the oldest go first."""


class Sessions:
    """The sessions of this process, by credential."""

    def __init__(self, directory: Directory, login: Login, trail: Trail) -> None:
        self._directory = directory
        self._login = login
        self._trail = trail
        self._known: OrderedDict[bytes, Session] = OrderedDict()

    def clear(self) -> None:
        """Look at every credential anew."""
        self._known.clear()

    async def of(self, request: Request) -> Session:
        """Who asks, as they say and can show. Raises `RefusedError` or `TokenError`."""
        given = request.credential
        if not given:
            return NO_SESSION
        self._directory.follow()
        known = self._known.get(given)
        if known is not None and known.expires > time.time():
            return known
        state = self._directory.renewed
        session = await self._let_in(request)
        self._directory.follow()
        changed = self._directory.renewed != state
        if changed or not self._directory.current:  # what was checked may be so no longer
            return replace(session, expires=0.0)
        self._keep(given, session)
        return session

    def _keep(self, credential: bytes, session: Session) -> None:
        self._known[credential] = session
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    async def _let_in(self, request: Request) -> Session:
        scheme, _, value = request.header(b"authorization").partition(" ")
        if not scheme:
            return await self._by_certificate(request)
        if scheme.lower() == "basic":
            name, password = _pair(value.strip())
            return await self._login.basic(name, password, request.by())
        if scheme.lower() == "bearer":
            return await self._by_token(value.strip(), request)
        raise RefusedError("log in with Basic or Bearer")

    async def _by_certificate(self, request: Request) -> Session:
        found = await self._login.certificate(request.certificate)
        if found is None:
            return NO_SESSION
        self._login.note(found.actor, request.by())
        return found

    async def _by_token(self, value: str, request: Request) -> Session:
        if is_ours(value):
            kinds = Kind.PERSONAL, Kind.ROBOT, Kind.SESSION
            return await self._login.bearer(value, request.by(), *kinds)
        try:
            return tokens.read(value, await self._directory.keys())
        except tokens.ExpiredError:
            raise  # that is what becomes of each of them, and the client asks for the next
        except TokenError as error:
            by, why = replace(request.by(), via="registry token"), {"why": str(error)}
            self._trail.note(Event("login", by, result=DENIED, detail=why))
            raise


def _pair(value: str) -> tuple[str, str]:
    """Name and password of Basic (RFC 7617)."""
    try:
        name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise RefusedError("the Authorization header is not Basic as RFC 7617 has it") from None
    if not colon:
        raise RefusedError("Basic wants a name and a password, with a colon between them")
    return name, password
