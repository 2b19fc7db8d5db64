"""Where the audit is copied to: a file of JSON lines, or syslog. Both block, so they want a thread.

Source: RFC 5424 for syslog; its facility 13 is for audits.
"""

import json
import os
import socket
import stat
from pathlib import Path
from typing import Protocol

from entrepot.addresses import Address
from entrepot.db.audit import OK
from entrepot.db.entries import Entry

_FACILITY = 13
_INFO, _WARNING = 6, 4
_MOST = 8000
"""Bytes of a syslog message, as most receivers take them."""
_TIMEOUT = 5.0


class Target(Protocol):
    """Takes entries, in the order of the chain."""

    def write(self, entries: list[Entry]) -> None:
        """Return when all are safely there. Raises OSError."""

    def close(self) -> None:
        """Give back what is open; the next write opens it again."""


def parse(text: str) -> Target:
    """file:PATH, syslog:PATH or syslog:HOST:PORT, which the settings have checked."""
    kind, _, where = text.partition(":")
    if kind == "file":
        return File(Path(where))
    return Syslog(where if where.startswith("/") else Address.parse(where))


def line(entry: Entry) -> str:
    """An entry as one line of JSON."""
    return json.dumps(entry.document())


class File:
    """Appends to a file, and to the next one when that was moved away (rotation)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def write(self, entries: list[Entry]) -> None:
        """Append, and sync."""
        content = "".join(f"{line(entry)}\n" for entry in entries).encode()
        descriptor = self._open()
        try:
            while content:
                content = content[os.write(descriptor, content) :]
            os.fsync(descriptor)
        except OSError:
            self.close()  # opening it again mends a line that was cut
            raise

    def _open(self) -> int:
        if self._descriptor is not None and not self._is_there(self._descriptor):
            self.close()
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o640)
            _end_line(self._descriptor)
        return self._descriptor

    def _is_there(self, descriptor: int) -> bool:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(found, os.fstat(descriptor))

    def close(self) -> None:
        """Give the descriptor back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _end_line(descriptor: int) -> None:
    """A line that a crash or a full disk has cut stays alone."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise OSError("it is not a regular file")
    if found.st_size and os.pread(descriptor, 1, found.st_size - 1) != b"\n":
        os.write(descriptor, b"\n")


class Syslog:
    """Sends datagrams to a local socket, or by UDP, which may lose them."""

    def __init__(self, where: str | Address) -> None:
        self._where = where
        self._socket: socket.socket | None = None

    def write(self, entries: list[Entry]) -> None:
        """Send each entry."""
        try:
            for entry in entries:
                self._connected().send(_message(entry))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = _connect(self._where)
        return self._socket


def _connect(where: str | Address) -> socket.socket:
    if isinstance(where, str):
        family, address = socket.AF_UNIX, where
    else:
        found = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_DGRAM)
        family, _, _, _, address = found[0]  # type: ignore[assignment]
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.settimeout(_TIMEOUT)
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made


def _message(entry: Entry) -> bytes:
    severity = _INFO if entry.result == OK else _WARNING
    document = entry.document()
    priority, host = 8 * _FACILITY + severity, socket.gethostname()
    head = f"<{priority}>1 {document['at']} {host} entrepot - audit - "
    message = (head + json.dumps(document)).encode()
    if len(message) > _MOST:  # a datagram that nobody takes would be tried for ever
        message = (head + json.dumps(document | {"detail": {"cut": True}})).encode()
    return message
