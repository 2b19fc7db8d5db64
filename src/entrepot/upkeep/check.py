"""`check`: does the database say what is stored, and does all that is promised lie there?

`findings` compares and yields; it changes nothing, and may run beside a server. Each finding says
what can be done about it (`upkeep.mends`), if anything can.
"""

from collections.abc import Iterator
from itertools import groupby

from entrepot.blobstore.store import Store
from entrepot.db import faults, healing, idle, quarantine, quotas, repositories
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece
from entrepot.db.quarantine import Kept
from entrepot.encryption.keys import EncryptionError
from entrepot.oci.errors import OCIError
from entrepot.upkeep.fault import fault
from entrepot.upkeep.finding import Finding, Kind, damaged
from entrepot.upkeep.mends import (
    NoteIdle,
    PutAside,
    Recount,
    Relist,
    TakeBack,
    TakeTag,
    ThrowAway,
)

RESTORE = "restore a backup"
"""Where the database itself is damaged; until then nothing should be mended by what it says."""
_LOST = "push it again"


def findings(db: Connection, store: Store, *, read: bool) -> Iterator[Finding]:
    """All of them; with `read` every object is read and hashed too."""
    yield from _database(db)
    yield from _tags(db)
    yield from _parts(db)
    for kind in quarantine.Kind:
        for kept in faults.contents(db, kind):
            yield from _kept(db, store, kept, read=read)
    yield from _stale(db)
    yield from _leftovers(db, store)


def _database(db: Connection) -> Iterator[Finding]:
    for text in faults.faults(db):
        yield unreadable(text)


def unreadable(text: object) -> Finding:
    """What is found where the database itself is damaged."""
    return damaged(f"the database is damaged: {text}", "database", RESTORE)


def _tags(db: Connection) -> Iterator[Finding]:
    for name, tag, digest in faults.dangling_tags(db):
        what, mend = f"the tag points to {digest}, which is missing", TakeTag(name, tag, digest)
        yield damaged(what, f"{name}:{tag}", _LOST, mend)


def _parts(db: Connection) -> Iterator[Finding]:
    for name, digest, child in faults.missing_parts(db):
        yield damaged(
            f"{child} of this manifest is missing (expected where sparse manifests are allowed)",
            f"{name}@{digest}",
            f"push {child} to {name}",
        )


def _kept(db: Connection, store: Store, kept: Kept, *, read: bool) -> Iterator[Finding]:
    """What is wrong with a blob or a manifest."""
    try:
        why = fault(db, store, kept, read=read)
    except EncryptionError as error:
        yield damaged(str(error), kept.digest, "give that key: nobody can say more without")
        return
    except (OCIError, ValueError) as error:
        what = f"its row in the {kept.kind} table is malformed: {error}"
        yield damaged(what, kept.digest, RESTORE)
        return
    if not why or quarantine.again(db, kept) != kept:  # deleted or healed meanwhile
        return
    if kept.empty and (aside := quarantine.reason(db, kept)) is not None:
        yield _aside(db, store, kept, aside, read=read)
    else:
        yield damaged(why, kept.digest, _LOST, PutAside(kept, why, read=read))


def _aside(db: Connection, store: Store, lost: Kept, why: str, *, read: bool) -> Finding:
    """Something in quarantine, which may be whole again."""
    found = healing.lying(db, lost)
    if read and found is not None and not fault(db, store, found[1], read=True):
        what, mend = "it is in quarantine, and whole again", TakeBack(lost, *found)
        return damaged(what, lost.digest, "repair it", mend)
    return damaged(f"it is in quarantine: {why}", lost.digest, _LOST)


def _stale(db: Connection) -> Iterator[Finding]:
    """What is kept beside the content so that nobody has to count it."""
    for project in quotas.miscounted(db):
        what = "what it takes is counted wrong"
        yield Finding(Kind.STALE, what, f"project {project}", "repair it", Recount())
    for name in repositories.mislisted(db):
        what = "the catalog is wrong about it"
        yield Finding(Kind.STALE, what, name, "repair it", Relist(name))
    manifests, links = idle.unknown(db)
    if manifests or links:
        what = f"{manifests} manifests and {links} blobs that nothing keeps are not known as such"
        yield Finding(Kind.STALE, what, "collector", "repair it, or they stay", NoteIdle())


def _leftovers(db: Connection, store: Store) -> Iterator[Finding]:
    """A folder is listed before it is compared: an upload that ends meanwhile is not taken for one.

    Folder by folder, because all names of a large store would fill the memory.
    """
    for _, listed in groupby(store.objects(), key=lambda found: found[0][:2]):
        yield from _unnamed(db, store, list(listed))


def _unnamed(db: Connection, store: Store, listed: list[tuple[str, int]]) -> Iterator[Finding]:
    for name, size in listed:
        if not faults.is_named(db, name) and store.size(Piece(name)) is not None:
            what, mend = f"{size} bytes that no row names", ThrowAway(name, size)
            yield Finding(Kind.LEFTOVER, what, name, "it may be deleted", mend)
