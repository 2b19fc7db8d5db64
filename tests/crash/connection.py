"""One HTTP connection of a client that knows how to be cut off: what it raises then is `CUT`."""

import contextlib
import http.client
import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

CUT = (http.client.HTTPException, OSError)

Body = bytes | Iterable[bytes]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def location(self) -> str:
        return self.headers["Location"]

    @property
    def digest(self) -> str:
        return self.headers["Docker-Content-Digest"]

    @property
    def size(self) -> int:
        """Bytes of an upload, as its Range header says: first and last of them."""
        last = int(self.headers["Range"].removeprefix("0-"))
        return last + 1 if last else 0  # nobody here sends one byte

    @property
    def error(self) -> dict[str, Any]:
        """The one error in the body, whose shape is checked on the way."""
        assert self.headers["Content-Type"] == "application/json"
        [error] = json.loads(self.body)["errors"]
        assert error["message"]
        return dict(error)


def await_continue(peer: socket.socket, head: str) -> None:
    """Send the head of a request, and wait until the registry reads its body."""
    peer.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
    wanted = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert peer.recv(len(wanted), socket.MSG_WAITALL) == wanted


class Connection:
    """Asks one thing after the other; connects anew where the registry closed."""

    def __init__(
        self, address: str, timeout: float = 60, headers: Mapping[str, str] | None = None
    ) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=timeout)
        self._headers = dict(headers or {})
        """What every request carries."""

    def ask(
        self,
        method: str,
        target: str,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        with contextlib.suppress(BrokenPipeError):  # an answer may come before all is sent
            self._connection.request(method, target, body, {**self._headers, **(headers or {})})
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def expect(
        self,
        status: int,
        method: str,
        target: str,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        answer = self.ask(method, target, body, headers)
        assert answer.status == status, (method, target, answer.status, answer.body)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
