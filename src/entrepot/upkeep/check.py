"""`check`: does the database say what is stored, and does all that is promised lie there?

`findings` compares and yields; it changes nothing, and may run beside a server. Damage is what a
client would notice: a pull that fails or brings wrong bytes. Leftovers only take room.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from entrepot.blobstore.store import Store, StoreError, digest_of
from entrepot.db import faults, pieces, sealed
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece
from entrepot.encryption.keys import EncryptionError
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    damage: bool
    """False for a leftover, which harms nobody."""
    what: str
    subject: str
    """The digest, tag or object concerned."""
    advice: str


def findings(db: Connection, store: Store, *, read: bool) -> Iterator[Finding]:
    """All of them; with `read` every object is read and hashed too."""
    yield from _database(db)
    yield from _tags(db)
    yield from _parts(db)
    yield from _contents(db)
    yield from _objects(db, store, read=read)
    yield from _leftovers(db, store)


def _database(db: Connection) -> Iterator[Finding]:
    for text in faults.faults(db):
        yield unreadable(text)


def unreadable(text: object) -> Finding:
    """What is found where the database itself is damaged."""
    return Finding(True, f"the database is damaged: {text}", "database", "restore a backup")


def _tags(db: Connection) -> Iterator[Finding]:
    for name, tag, digest in faults.dangling_tags(db):
        yield Finding(
            True, f"the tag points to {digest}, which is missing", f"{name}:{tag}", "push it again"
        )


def _parts(db: Connection) -> Iterator[Finding]:
    for name, digest, child in faults.missing_parts(db):
        yield Finding(
            True,
            f"{child} of this manifest is missing (expected where sparse manifests are allowed)",
            f"{name}@{digest}",
            f"push {child} to {name}",
        )


def _contents(db: Connection) -> Iterator[Finding]:
    """What lies in the database itself is read always: it is not much."""
    for where, digest, kept, key in faults.contents(db):
        try:
            wanted = Digest.parse(digest)
            content = sealed.unseal(db, (where, digest), kept, key) if kept else b""
        except OCIError as error:
            yield _malformed(f"the {where} table", digest, error)
            continue
        except EncryptionError as error:
            yield Finding(True, str(error), digest, "push it again")
            continue
        if Digest.of(content, wanted.algorithm) != wanted:
            yield Finding(
                True,
                f"its bytes in the {where} table do not match the digest",
                digest,
                "push it again, then restart the registry",
            )


def _malformed(where: str, digest: str, error: Exception) -> Finding:
    return Finding(True, f"its row in {where} is malformed: {error}", digest, "restore a backup")


def _objects(db: Connection, store: Store, *, read: bool) -> Iterator[Finding]:
    for digest, size, owner in faults.objects(db):
        try:
            parts = pieces.of(db, owner)
            found = _blob(store, Digest.parse(digest), size, parts, read=read)
        except (OCIError, ValueError) as error:
            found = _malformed("the blob table", digest, error)
        if found is not None and faults.is_blob(db, owner):  # not deleted meanwhile
            yield found


def _blob(
    store: Store, digest: Digest, size: int, parts: Sequence[Piece], *, read: bool
) -> Finding | None:
    wrong = _wrong(store, size, parts)
    if wrong:
        return Finding(True, wrong, str(digest), "push it again")
    if read and _hash(store, parts, digest.algorithm) != digest:
        return Finding(
            True,
            f"the bytes in {_names(parts)} do not match the digest",
            str(digest),
            "delete the object, then push the blob again",
        )
    return None


def _wrong(store: Store, size: int, parts: Sequence[Piece]) -> str:
    """What shows without reading any byte."""
    for part in parts:
        found = store.size(part)
        if found is None:
            return f"its object {part.name} is missing"
        if found != part.size:
            return f"{part.name} has {found} bytes, not {part.size}"
    whole = sum(part.size for part in parts)
    return "" if whole == size else f"its pieces have {whole} bytes, not {size}"


def _names(parts: Sequence[Piece]) -> str:
    return " and ".join(part.name for part in parts)


def _hash(store: Store, parts: Sequence[Piece], algorithm: str) -> Digest | None:
    """None for what the disk cannot read, or what has gone. Raises StoreError: who knows, then."""
    try:
        return digest_of(store, parts, algorithm)
    except StoreError:
        raise
    except (OSError, EOFError, EncryptionError):
        return None


def _leftovers(db: Connection, store: Store) -> Iterator[Finding]:
    """A folder is listed before it is compared: an upload that ends meanwhile is not taken for one.

    Folder by folder, because all names of a large store would fill the memory.
    """
    for _, listed in groupby(store.objects(), key=lambda found: found[0][:2]):
        yield from _unnamed(db, store, list(listed))


def _unnamed(db: Connection, store: Store, listed: list[tuple[str, int]]) -> Iterator[Finding]:
    for name, size in listed:
        if not faults.is_named(db, name) and store.size(Piece(name)) is not None:
            yield Finding(False, f"{size} bytes that no row names", name, "it may be deleted")
