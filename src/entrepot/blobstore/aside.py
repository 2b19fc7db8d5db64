"""`aside`: what blocks on a store has threads of its own.

So a store that does not answer holds up nobody who wants nothing from it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(32, "entrepot-store")


async def aside(work: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
    """Run it in one of them."""
    running = asyncio.get_running_loop().run_in_executor(_threads, partial(work, *args, **more))
    return await running
