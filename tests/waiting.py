"""Waiting for what comes by itself, as long as a slow machine may need."""

import asyncio
import time
from collections.abc import Callable

SECONDS = 60
"""What comes does so in milliseconds; a machine that others use may stand still for long."""


def until(what: Callable[[], object], told: Callable[[], object] = lambda: "") -> None:
    """Wait until something is so; else fail with what is told."""
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, f"not so after {SECONDS} s: {told()}"
        time.sleep(0.02)


async def auntil(what: Callable[[], object]) -> None:
    """The same on an event loop, which goes on meanwhile."""
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, f"not so after {SECONDS} s"
        await asyncio.sleep(0.01)
