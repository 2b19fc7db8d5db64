"""`fault`: whether a blob or a manifest lies where its row says, and is what its digest says."""

from collections.abc import Sequence

from entrepot.blobstore.store import Store, digest_of, is_damage
from entrepot.db import sealed
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece
from entrepot.db.quarantine import Kept
from entrepot.encryption.envelope import BrokenSealError
from entrepot.oci.digest import Digest


def fault(db: Connection, store: Store, kept: Kept, *, read: bool) -> str:
    """Why it cannot be served as it should; "" where it can. With `read` its objects are hashed.

    Raises OSError and EncryptionError where that is rather for who asks, or when; OCIError and
    ValueError where its row is malformed.
    """
    wanted = Digest.parse(kept.digest)
    if kept.content is not None:  # it is not much, so it is read always
        try:
            return _content(db, kept, kept.content, wanted)
        except BrokenSealError as error:
            return str(error)
    wrong = _shape(store, kept)
    if wrong or not read:
        return wrong
    if _hash(store, kept.pieces, wanted.algorithm) == wanted:
        return ""
    names = " and ".join(part.name for part in kept.pieces)
    return f"the bytes in {names} do not match the digest"


def _content(db: Connection, kept: Kept, content: bytes, wanted: Digest) -> str:
    name = (kept.kind.value, kept.digest)
    found = sealed.unseal(db, name, content, kept.key) if content else b""
    if Digest.of(found, wanted.algorithm) == wanted:
        return ""
    return f"its bytes in the {kept.kind} table do not match the digest"


def _shape(store: Store, kept: Kept) -> str:
    """What shows without reading any byte."""
    for part in kept.pieces:
        found = store.size(part)
        if found is None:
            return f"its object {part.name} is missing"
        if found != part.size:
            return f"{part.name} has {found} bytes, not {part.size}"
    whole = sum(part.size for part in kept.pieces)
    return "" if whole == kept.size else f"its pieces have {whole} bytes, not {kept.size}"


def _hash(store: Store, parts: Sequence[Piece], algorithm: str) -> Digest | None:
    """None for what cannot be read, or has gone."""
    try:
        return digest_of(store, parts, algorithm)
    except OSError as error:
        if not is_damage(error):
            raise
        return None
    except (EOFError, BrokenSealError):
        return None
