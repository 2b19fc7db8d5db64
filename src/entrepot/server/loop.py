"""The event loop: uvloop's, which gives a TLS handshake no more time than a request's head.

uvicorn has no setting for that, and the default of a minute is for a peer that sends nothing.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import uvloop


class Loop(uvloop.Loop):
    """One for each process."""

    handshake_timeout = 10.0

    def create_server(  # type: ignore[override]
        self, *args: Any, **named: Any
    ) -> Coroutine[Any, Any, asyncio.AbstractServer]:
        """Listen; uvicorn calls it."""
        if named.get("ssl") is not None:
            named["ssl_handshake_timeout"] = self.handshake_timeout
        return super().create_server(*args, **named)


def new_loop(handshake_timeout: float) -> Loop:
    """A loop that ends handshakes after so many seconds."""
    loop = Loop()
    loop.handshake_timeout = handshake_timeout
    return loop
