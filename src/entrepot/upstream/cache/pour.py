"""A blob from upstream into a piece of the store, in a thread; what breaks off is taken up again.

Nothing refers to the piece before all of it was compared with its digest.
"""

import io
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from entrepot.blobstore.store import Part, Store
from entrepot.db.pieces import Piece
from entrepot.oci.digest import hasher
from entrepot.oci.names import Repository
from entrepot.upstream.cache.remote import Remote
from entrepot.upstream.cache.tail import Tail
from entrepot.upstream.cache.veil import Bare, Lies, Veil
from entrepot.upstream.http import ATTEMPTS, pause
from entrepot.upstream.place import (
    CHUNK,
    Blob,
    BrokenError,
    RefusedError,
    UnreachableError,
    UpstreamError,
)
from entrepot.upstream.readable import ReadableRepository

_PATIENCE = 10.0
"""Seconds that one who is busy is waited for, in the middle of a blob."""


class WrongError(UpstreamError):
    """What came is something else than what was asked for."""


@dataclass(slots=True)
class Pour:
    """One blob on its way."""

    remote: Remote
    repository: Repository
    """Its name here."""
    blob: Blob
    tail: Tail
    stop: threading.Event
    """Whether the server stops."""
    left: io.FileIO | None = None
    """What is left of a fetch that broke off."""
    size: int = 0
    """Bytes so far."""
    adopted: int = 0
    """Of these, bytes that were left."""
    since: float = field(default_factory=time.monotonic)
    """When it got in line."""
    piece: str = ""
    """In which object its bytes lie, once there are some."""
    apart: bool = False
    """Whether it is fetched for its repository alone."""
    shared: bool = False
    """Whether the upstream has said that this repository has it, too."""

    @property
    def what(self) -> str:
        """By which all processes know it: what a project has is fetched once for it."""
        whose = self.repository if self.apart else self.repository.project
        return f"{whose}@{self.blob.digest}"

    @property
    def reached(self) -> int:
        """Bytes that can be read in its piece, and that the upstream has given to us."""
        return min(self.size, self.tail.reached) if self.piece else 0

    async def may_share(self) -> bool:
        """Whether what came for another repository of the project may be had for this one, too.

        Raises `UpstreamError`.
        """
        if not (self.apart or self.shared):
            serves = partial(ReadableRepository.serves, blob=self.blob)
            # Some refuse a HEAD: stores that sign where they lead for GET alone.
            with suppress(RefusedError):
                self.shared = await self.remote.ask(self.repository, serves)
        return self.shared

    def into(self, store: Store, piece: Piece, folder: Path) -> Piece:
        """Fetch all of it, and make it durable. Raises `UpstreamError`, OSError."""
        self.remote.check_turn(self.since)
        with store.part(piece, hasher(self.blob.digest.algorithm), self.blob.size) as part:
            reader = part.reader()
            lies: Lies = Bare(reader) if reader is not None else Veil(folder)
            self.tail.lie(lies)
            self.piece = piece.name
            try:
                self._adopt(part, lies)
                self._fetch(part, lies)
                self._check(part)
            except OSError:  # on a full disk that room is needed; else who reads may read on
                part.drop()
                raise
            self.tail.reach(self.size, verified=True)
            part.seal()
            return replace(piece, size=part.size)

    def _adopt(self, part: Part, lies: Lies) -> None:
        """Begin with what is left of a fetch that broke off. The last byte is always asked for, and
        nothing is handed out before that: the upstream says whether it gives this to us still.
        """
        while self.left is not None and self.size < self.blob.size - 1:
            some = min(CHUNK, self.blob.size - 1 - self.size)
            chunk = os.pread(self.left.fileno(), some, self.size)
            if not chunk:
                break
            part.write(memoryview(chunk))
            lies.write(chunk)
            self.size += len(chunk)
        self.adopted = self.size
        if self.tail.reached > self.size:  # what was handed out came from a process that is gone
            raise UnreachableError(f"a fetch of {self.blob.digest} broke off: ask again")

    def _fetch(self, part: Part, lies: Lies) -> None:
        failures, before = 0, 0
        while self.size < self.blob.size:
            try:
                self.remote.do(self.repository, lambda there: self._once(there, part, lies))
            except BrokenError as error:
                failures = failures + 1 if self.size == before else 1
                before = self.size
                if self.stop.is_set():
                    raise
                pause(error, failures, ATTEMPTS, _PATIENCE)

    def _once(self, there: ReadableRepository, part: Part, lies: Lies) -> None:
        """As much as comes in one request."""
        for chunk in there.blob(self.blob, self.size):
            if self.stop.is_set():
                raise UnreachableError("the server stops")
            if self.size + len(chunk) > self.blob.size:
                raise WrongError(f"{there} sends more for {self.blob.digest} than it has")
            part.write(memoryview(chunk))
            lies.write(chunk)
            self.size += len(chunk)
            self.tail.reach(self.size)
        if self.size < self.blob.size:
            raise UnreachableError(f"{there} ended {self.blob.digest} after {self.size} bytes")

    def _check(self, part: Part) -> None:
        found = part.hasher.hexdigest() if part.hasher is not None else ""
        if found != self.blob.digest.hex and self.adopted:
            why = f"what was left of a fetch of {self.blob.digest} is damaged: ask again"
            raise WrongError(why)
        if found != self.blob.digest.hex:
            raise WrongError(
                f"{self.remote.row.url} sent something else for {self.blob.digest}: the registry, "
                "or somebody on the way, changed it"
            )
