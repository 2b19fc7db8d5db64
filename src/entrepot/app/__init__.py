"""The wiring: settings become one ASGI app. The only room that knows every other.

The rooms are furnished at the lifespan's start, in the process that serves: a connection to a
database must not be made in one process and used in another. Next: `app.furnished`.
"""

import asyncio
import logging
import os
from pathlib import Path

from entrepot.admin import asgi
from entrepot.app.furnished import furnish
from entrepot.auth import tokens
from entrepot.distribution.api import Api
from entrepot.distribution.asgi import App, Receive, Scope, Send
from entrepot.distribution.fast import Fast
from entrepot.encryption.keys import Keyring
from entrepot.observe import logs
from entrepot.settings import Settings

_log = logging.getLogger("entrepot")


class Entrepot:
    """The ASGI app. `lifespan` must run; every server does that."""

    def __init__(
        self, settings: Settings, shared: Path | None = None, keyring: Keyring | None = None
    ) -> None:
        self._settings = settings
        self._keyring = keyring
        self._shared = shared
        self._api: App | None = None
        self._admin: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] == "http":
            assert self._api is not None, "the server did not run the lifespan"
            assert self._admin is not None
            app = self._admin if scope["path"].startswith(asgi.PREFIX) else self._api
            await app(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        keyring = self._settings.keyring() if self._keyring is None else self._keyring
        serves = asyncio.Event()
        async with furnish(self._settings, self._shared, keyring, serves) as registry:
            self._api, self._admin = Api(registry), asgi.Admin(registry)
            state = scope.get("state", {})
            state["entrepot.fast"] = Fast(registry)
            state["entrepot.refused"] = registry.observer.refused
            state["entrepot.stopping"] = registry.news.close
            _log.info("process %d serves", os.getpid())
            await send({"type": "lifespan.startup.complete"})
            await asyncio.to_thread(tokens.prepare)
            serves.set()
            await receive()
        _log.info("process %d has finished what was under way, and stops", os.getpid())
        await send({"type": "lifespan.shutdown.complete"})


def build(settings: Settings, shared: Path | None, keyring: Keyring) -> Entrepot:
    """The app for a process that serves; it sets up that process's logs."""
    logs.configure(as_json=settings.logs_as_json, level=settings.log_level)
    return Entrepot(settings, shared, keyring)
