"""`check`: does the database say what lies on the disk, and does all that is promised lie there?

`findings` compares and yields; it changes nothing, and may run beside a server. Damage is what a
client would notice: a pull that fails or brings wrong bytes. Leftovers only take room.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from entrepot.blobstore.disk import DiskStore
from entrepot.db import faults
from entrepot.db.connection import Connection
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


def findings(db: Connection, store: DiskStore, *, read: bool) -> Iterator[Finding]:
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
    for where, digest, content in faults.contents(db):
        try:
            wanted = Digest.parse(digest)
        except OCIError as error:
            yield _malformed(f"the {where} table", digest, error)
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


def _objects(db: Connection, store: DiskStore, *, read: bool) -> Iterator[Finding]:
    for digest, size, name in faults.objects(db):
        try:
            found = _object(store, Digest.parse(digest), size, name, read=read)
        except (OCIError, ValueError) as error:
            found = _malformed("the blob table", digest, error)
        if found is not None and faults.is_blob(db, name):  # not deleted meanwhile
            yield found


def _object(
    store: DiskStore, digest: Digest, size: int, name: str, *, read: bool
) -> Finding | None:
    found = store.size(name)
    if found is None:
        return Finding(True, f"its object {name} is missing", str(digest), "push it again")
    if found != size:
        return Finding(True, f"{name} has {found} bytes, not {size}", str(digest), "push it again")
    if read and _hash(store, name, digest.algorithm) != digest:
        return Finding(
            True,
            f"the bytes in {name} do not match the digest",
            str(digest),
            "delete the object, then push the blob again",
        )
    return None


def _hash(store: DiskStore, name: str, algorithm: str) -> Digest | None:
    """None for what the disk cannot read, or what has gone."""
    try:
        return store.digest(name, algorithm)
    except OSError:
        return None


def _leftovers(db: Connection, store: DiskStore) -> Iterator[Finding]:
    """A folder is listed before it is compared: an upload that ends meanwhile is not taken for one.

    Folder by folder, because all names of a large store would fill the memory.
    """
    for _, listed in groupby(store.objects(), key=lambda found: found[0][:2]):
        yield from _unnamed(db, store, list(listed))


def _unnamed(db: Connection, store: DiskStore, listed: list[tuple[str, int]]) -> Iterator[Finding]:
    for name, size in listed:
        if not faults.is_named(db, name) and store.size(name) is not None:
            yield Finding(False, f"{size} bytes that no row names", name, "it may be deleted")
