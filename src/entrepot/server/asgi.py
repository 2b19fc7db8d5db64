"""The types of ASGI 3 that this room speaks (https://asgi.readthedocs.io/en/latest/specs/www.html)."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

Headers: TypeAlias = list[tuple[bytes, bytes]]
Address: TypeAlias = tuple[str, int]

Sink: TypeAlias = Callable[[memoryview], object]
"""Takes the next bytes of a body; the view is valid only during the call."""

FastAnswer: TypeAlias = Callable[
    [str, bytes, Headers, Address | None, str], tuple[bytes, bytes] | None
]
"""Method, target, headers, client, fingerprint -> (status line, the rest), or None: ask the app.
The fingerprint is the SHA-256 of the client's verified certificate in hex, "" if it has none."""

Refused: TypeAlias = Callable[[int, str, bytes, Address | None, int], str | None]
"""Status, method, target, client, bytes of the body -> the id of the request, if it gets one.
Method and target are empty where the request could not be read so far."""

Stopping: TypeAlias = Callable[[], None]
"""Is told, maybe several times, that the server stops: whoever waits in the app should end."""
