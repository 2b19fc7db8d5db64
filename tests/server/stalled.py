"""A server of its own process, to see what stalled peers cost it: run by test_memory.py."""

import functools
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

from entrepot.server.protocol import RegistryProtocol

BLOB = Path(sys.argv[1])
LENGTH = BLOB.stat().st_size


def open_blob() -> Any:
    return BLOB.open("rb")


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/rss":
        body = b"%d" % resident()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    elif scope["method"] == "PUT":
        await scope["extensions"]["entrepot.receive_into"](len)
    else:
        headers = [(b"content-length", b"%d" % LENGTH)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        with open_blob() as file:
            await send({"type": "http.response.zerocopysend", "file": file, "offset": 0})


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    protocol: Any = functools.partial(RegistryProtocol)
    config = uvicorn.Config(app, http=protocol, lifespan="off", log_level="error", loop=sys.argv[2])
    uvicorn.Server(config).run(sockets=[listener])
