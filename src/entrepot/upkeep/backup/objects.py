"""Large blobs of a backup become objects of a store. Each that is whole gets its row at once, so a
restore that was killed goes on behind it.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from entrepot.blobstore.store import Store
from entrepot.db import pieces
from entrepot.db.connection import Connection
from entrepot.db.pieces import SMALL, Piece
from entrepot.upkeep.backup import rows
from entrepot.upkeep.backup.document import paged
from entrepot.upkeep.backup.opened import Opened
from entrepot.upkeep.backup.vault import LostError

_THREADS = 8
_PAGE = 64
_ROWS = 1000


class Objects:
    """The writing of all of them."""

    def __init__(self, opened: Opened, store: Store, told: Callable[[int], None]) -> None:
        self.written = 0
        """How many; others were there already."""
        self._opened = opened
        self._store = store
        self._told = told

    def large(self) -> dict[str, int]:
        """Blobs that lie in no row, and their bytes. Manifests do, however long they are."""
        has = self._opened.contents()
        return {
            row["digest"]: row["size"]
            for page in self._opened.pages("blob", _ROWS)
            for row in page
            if row["size"] > SMALL and row["digest"] in has
        }

    def write(self, db: Connection, large: dict[str, int]) -> None:
        """A page of rows before their objects, and one behind them."""
        _drop_open(db)
        with ThreadPoolExecutor(_THREADS, "entrepot-restore") as pool:
            for page in paged(large, _PAGE):
                new = {
                    digest: Piece.new(db.keyring)
                    for digest in page
                    if not self._is_there(db, digest, large[digest])
                }
                with db.exclusive():
                    _begin(db, new)
                sizes = [large[digest] for digest in new]
                whole = list(pool.map(self._write, new, new.values(), sizes))
                with db.exclusive():
                    for digest, piece in zip(new, whole, strict=True):
                        if piece is not None:
                            pieces.settle(db, rows.owner(digest), piece)
                            self.written += 1
        _drop_open(db)

    def _is_there(self, db: Connection, digest: str, size: int) -> bool:
        found = pieces.of(db, rows.owner(digest))
        if not found or any(self._store.size(piece) != size for piece in found):
            return False
        self._told(size)
        return True

    def _write(self, digest: str, piece: Piece, size: int) -> Piece | None:
        with self._store.part(piece, None, size) as part:
            try:
                for stride in self._opened.strides(digest):
                    part.write(memoryview(stride))
                    self._told(len(stride))
            except LostError:
                part.drop()
                return None
            part.seal()
        return Piece(piece.name, part.size, piece.key, piece.data_key)


def _begin(db: Connection, new: dict[str, Piece]) -> None:
    for digest, piece in new.items():
        owner = rows.owner(digest)
        pieces.discard(db, owner, "it was not whole")
        pieces.begin(db, owner, piece)


def _drop_open(db: Connection) -> None:
    """What a restore began that was cut is garbage."""
    with db.exclusive():
        while names := pieces.stale(db, -1, _PAGE):
            for name in names:
                pieces.drop(db, name, "its restore was cut")
