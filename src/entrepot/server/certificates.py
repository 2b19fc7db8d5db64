"""The server's certificate and the CAs of its clients, read again when their files change.

Invariant: what serves is always whole. New files become a context of their own, which takes the
place of the old one for the connections to come; files that do not fit together change nothing. It
is not enough to change the certificate inside a context: its tickets would let the clients of a CA
that is gone resume their sessions.
"""

import asyncio
import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrepot.server.handshake import Handshake

log = logging.getLogger("entrepot.tls")

LOOK = 1.0
"""Seconds between looks at the files."""


class CertificateError(Exception):
    """The files cannot serve; says why."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where certificate, key and the clients' CAs lie."""

    cert: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """A context of what they say now. Raises `CertificateError`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sslobject_class = Handshake
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.cert, self.key, password=_no_password)
            if self.client_ca is not None:
                _check_whole(self.client_ca)
                context.load_verify_locations(self.client_ca)
                context.verify_mode = ssl.CERT_OPTIONAL
                context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the file may name no root
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise CertificateError(self._wrong() or str(error)) from None
        return context

    def _wrong(self) -> str | None:
        """What is wrong, in better words than OpenSSL's."""
        from entrepot.auth import pem

        try:
            pem.check_pair(self.cert, self.key)
            if self.client_ca is not None:
                pem.certificates(self.client_ca)
        except pem.PemError as error:
            return str(error)
        return None

    def mark(self) -> tuple[Any, ...]:
        """What is another once a file, or a link on the way to it, is."""
        return tuple(_mark(path) for path in (self.cert, self.key, self.client_ca) if path)

    def said(self) -> str:
        """Whose certificate it is, and until when, for the log. Raises `CertificateError`."""
        from entrepot.auth import pem

        try:
            first = pem.certificates(self.cert)[0]
        except pem.PemError as error:
            raise CertificateError(str(error)) from None
        return f"{', '.join(pem.names(first))}, until {first.not_valid_after_utc:%Y-%m-%d}"


def _check_whole(path: Path) -> None:
    """OpenSSL leaves out without a word what was written in part. Raises ValueError."""
    content = path.read_bytes()
    if content.count(b"-----BEGIN ") != content.count(b"-----END "):
        raise ValueError(f"{path} is not whole")


def _no_password() -> bytes:
    raise ValueError("the key is encrypted")  # OpenSSL would ask at the terminal


def _mark(path: Path) -> tuple[int, ...] | int | None:
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class LiveContext(ssl.SSLContext):
    """Wraps each new connection by the context of the moment; those that are open keep theirs."""

    files: Files
    current: ssl.SSLContext
    _mark: tuple[Any, ...]

    @classmethod
    def of(cls, files: Files) -> "LiveContext":
        """One that serves the files. Raises `CertificateError`."""
        live = cls(ssl.PROTOCOL_TLS_SERVER)
        live.files = files
        live._mark = files.mark()
        live.current = files.context()
        return live

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *args: Any, **named: Any
    ) -> ssl.SSLObject:
        """What asyncio and uvloop call for each connection."""
        connection = self.current.wrap_bio(incoming, outgoing, *args, **named)
        if isinstance(connection, Handshake):
            connection.outgoing = outgoing
        return connection

    def look(self) -> None:
        """Take over files that have changed; told once, whatever comes of it."""
        mark = self.files.mark()
        if mark == self._mark:
            return
        self._mark = mark  # of before the reading: what changes meanwhile is seen at the next look
        try:
            context, said = self.files.context(), self.files.said()
        except CertificateError as error:
            log.error("the certificate stays as it was: %s", error)
        else:
            self.current = context
            log.info("new connections get the certificate of %s", said)

    async def watch(self) -> None:
        """Look, again and again; in a thread, since a mounted folder may not answer."""
        while True:
            await asyncio.sleep(LOOK)
            await asyncio.to_thread(self.look)
