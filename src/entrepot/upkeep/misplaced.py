"""Whether database and store belong together, as far as a few objects show.

A registry on another store than its blobs lie in would tell clients of blobs that it cannot serve,
and they would not push them. So it does not start.
"""

from entrepot.blobstore.store import Store, StoreError
from entrepot.db import pieces
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece

_FEW = 5


def check(db: Connection, store: Store) -> None:
    """Raise StoreError where the database names objects and the store has none of them."""
    few = pieces.some(db, _FEW)
    if few and not any(_has(store, piece) for piece in few):
        raise StoreError(
            f"the store has none of {len(few)} objects that the database names, such as "
            f"{few[0].name}: is it another one? Name the right one with ENTREPOT_STORAGE_URL, or "
            "move them by `entrepot db copy`; `entrepot check` says what is missing"
        )


def _has(store: Store, piece: Piece) -> bool:
    try:
        return store.size(piece) is not None
    except ValueError:  # its row is damaged, and says nothing of the store
        return False
