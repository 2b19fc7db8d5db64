"""A server whose workers load for longer than uvicorn waits by itself."""

import time
from collections.abc import Callable

from entrepot.server.asgi import Receive, Scope, Send
from entrepot.server.run import Plan, bind, run

SECONDS = 7
LOADS = "a worker loads"


class Factory:
    """What makes the app; a worker unpickles it before it can say that it lives."""

    def __reduce__(self) -> "tuple[Callable[[], Factory], tuple[()]]":
        return _slowly, ()

    def __call__(self) -> object:
        return _app


def _slowly() -> Factory:
    print(LOADS, flush=True)
    time.sleep(SECONDS)
    return Factory()


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def serve() -> None:
    """Serve on a free port, which is told."""
    listener = bind("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    run(Plan(Factory(), workers=2), listener)
