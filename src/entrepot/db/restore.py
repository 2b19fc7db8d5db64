"""Restoring: something comes back from the trash, with whatever it needs that went meanwhile.

That is: its tags, what an index lists, and the referrers that were deleted after it. All of it
comes back in one transaction, or nothing does.
"""

import time
from dataclasses import dataclass, field

from entrepot.db import (
    channels,
    floating_rules,
    idle,
    links,
    manifests,
    quotas,
    repositories,
    stays,
    tags,
    trash,
)
from entrepot.db.audit import By
from entrepot.db.changes import Change, Kind, record
from entrepot.db.connection import Connection
from entrepot.db.trash import Item, Place
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Tag


@dataclass(frozen=True, slots=True)
class Kept:
    """A tag that points elsewhere by now, or is a channel, and was left as it is."""

    tag: str
    here: str
    """The digest that it points to; "" where there is none."""
    trashed: str
    """The digest that it pointed to."""


@dataclass(slots=True)
class Restored:
    """What came back."""

    manifests: int = 0
    tags: int = 0
    kept: list[Kept] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Tags whose manifest was purged."""


def restore(db: Connection, item: Item, *, move: bool, sparse: bool, by: By) -> Restored:
    """Bring an item back; with `move`, tags that point elsewhere by now point to it again.

    Raises MANIFEST_BLOB_UNKNOWN where parts have gone for good, unless `sparse`; MANIFEST_UNKNOWN
    where the tag's manifest has; DENIED where the project may not have so many tags, or a tag that
    would `move` is immutable.
    """
    work = _Work(db, item, move=move, by=by)
    work.begin()
    work.finish()
    if work.missing and not sparse:
        raise _incomplete(item, list(work.missing))
    if item.kind is trash.Kind.TAG and work.restored.lost:
        raise OCIError(
            Code.MANIFEST_UNKNOWN,
            f"{item.name} cannot be restored: its manifest {item.digest} has gone for good",
        )
    live = repositories.identify(db, item.repository)
    if live is not None:
        idle.note_restored(db, live)
    return work.restored


def _incomplete(item: Item, missing: list[str]) -> OCIError:
    told = ", ".join(missing[:10])
    return OCIError(
        Code.MANIFEST_BLOB_UNKNOWN,
        f"{item.name} cannot be restored, since parts of it have gone for good: push {told} to "
        f"{item.repository} first",
        detail=[{"digest": digest} for digest in missing[: manifests.MAX_TOLD]],
    )


class _Work:
    """One restoration: what has come back, and what is still wanted."""

    def __init__(self, db: Connection, item: Item, *, move: bool, by: By) -> None:
        self._db = db
        self._item = item
        self._move = move
        self._by = by
        self._wanted: list[str] = []
        self._tags: list[tuple[str, str]] = []
        self._live: Place = (0, item.repository)
        self.restored = Restored()
        self.missing: dict[str, None] = {}

    def begin(self) -> None:
        """Take what is in the item itself."""
        found = repositories.identify(self._db, self._item.repository)
        if self._item.kind is trash.Kind.REPOSITORY and found is None:
            self._unhide()
            return
        self._live = repositories.ensure(self._db, self._item.repository), self._item.repository
        if self._item.kind is trash.Kind.TAG:
            self._tags.append((self._item.reference, self._item.digest))
            self._db.execute("delete from trash where id = ?", (self._item.id,))
        else:
            self._empty(self._item)

    def finish(self) -> None:
        """Take what that needs, and point the tags."""
        self._bring()
        while self._tags:
            tag, digest = self._tags.pop()
            if self._has_manifest(digest) or self._fetch(digest):
                self._bring()
                self._point(tag, digest)
            else:
                self.restored.lost.append(tag)
        repositories.relist(self._db, self._live[0])

    def _bring(self) -> None:
        while self._wanted:
            digest = self._wanted.pop()
            here = self._has_manifest(digest) or self._fetch(digest) or self._has_blob(digest)
            if not here:
                self.missing[digest] = None

    def _has_manifest(self, digest: str) -> bool:
        row = self._db.execute(
            "select 1 from manifest where repository = ? and digest = ?", (self._live[0], digest)
        ).fetchone()
        return row is not None

    def _has_blob(self, digest: str) -> bool:
        row = self._db.execute(
            "select 1 from blob b join repository_blob x on x.blob = b.id and x.repository = ? "
            "where b.digest = ?",
            (self._live[0], digest),
        ).fetchone()
        return row is not None

    def _fetch(self, digest: str) -> bool:
        """Take a manifest out of what it was deleted with: that wholly, or, where that is a whole
        repository, it alone. False where it is not in the trash.
        """
        name = self._live[1]
        item = trash.newest(self._db, name, digest)
        if item is not None:
            self._empty(item)
            return True
        row = self._db.execute(
            "select m.id, r.id, x.id from trash x join repository r on r.trash = x.id "
            "join manifest m on m.repository = r.id and m.digest = ? "
            "where x.repository = ? and x.kind = ? and x.until > ? order by x.id desc limit 1",
            (digest, name.name, trash.Kind.REPOSITORY.value, time.time()),
        ).fetchone()
        if row is None:
            return False
        manifest, hidden, number = row
        self._take(manifest, digest, (hidden, name), number)
        return True

    def _empty(self, item: Item) -> None:
        """Take all that is in an item's hidden repository; the item is over then."""
        place = trash.hidden(self._db, item)
        assert place is not None
        rows = self._db.execute("select id, digest from manifest where repository = ?", (place[0],))
        for manifest, digest in rows.fetchall():
            if not self._has_manifest(digest):
                self._take(manifest, digest, place, item.id)
        rows = self._db.execute("select name, digest from tag where repository = ?", (place[0],))
        self._tags += rows.fetchall()
        self._dissolve(place, item)

    def _take(self, manifest: int, digest: str, place: Place, item: int) -> None:
        """Take a manifest; wanted are then its parts, and the referrers that were deleted later."""
        number, name = self._live
        manifests.move(self._db, manifest, place, self._live)
        idle.untagged(self._db, number, digest)
        self.restored.manifests += 1
        record(self._db, Change(Kind.RESTORED, name, digest, new=digest, by=self._by))
        rows = self._db.execute("select child from edge where manifest = ?", (manifest,))
        self._wanted += [child for (child,) in rows]
        rows = self._db.execute(
            "select m.digest from trash x join repository r on r.trash = x.id "
            "join manifest m on m.repository = r.id and m.subject = ? "
            "where x.repository = ? and x.id > ?",
            (digest, name.name, item),
        )
        self._wanted += [referrer for (referrer,) in rows]

    def _dissolve(self, place: Place, item: Item) -> None:
        """End a hidden repository; the manifests left in it are in the live one, too."""
        rows = self._db.execute("select id, size from manifest where repository = ?", (place[0],))
        for manifest, size in rows.fetchall():
            self._db.execute("delete from edge where manifest = ?", (manifest,))
            self._db.execute("delete from manifest where id = ?", (manifest,))
            quotas.charge(self._db, place[1].project, size=-size)
        links.move(self._db, place, self._live)
        self._db.execute("delete from tag where repository = ?", (place[0],))
        self._db.execute("delete from repository where id = ?", (place[0],))
        self._db.execute("delete from trash where id = ?", (item.id,))

    def _unhide(self) -> None:
        """Show a whole repository again, as it stands: however much is in it, that is one row."""
        place = trash.hidden(self._db, self._item)
        assert place is not None
        self._live = place
        number, name = place
        self._db.execute(
            "update repository set name = ?, trash = null where id = ?", (name.name, number)
        )
        self._db.execute("delete from trash where id = ?", (self._item.id,))
        quotas.charge(self._db, name.project, tags=repositories.count_tags(self._db, number))
        stays.adopt(self._db, place, channels.of(self._db, name))
        item = self._item.id
        record(self._db, Change(Kind.RESTORED, name, "", by=self._by, trash=item))
        self._count()
        self._want_what_was_taken_out()

    def _count(self) -> None:
        number = self._live[0]
        row = self._db.execute("select count(*) from manifest where repository = ?", (number,))
        self.restored.manifests = row.fetchone()[0]
        self.restored.tags = repositories.count_tags(self._db, number)

    def _want_what_was_taken_out(self) -> None:
        """Some of it may have been restored before, by itself, and been deleted again."""
        parts = self._db.execute(
            "select distinct e.child from edge e where e.repository = :number "
            "and not exists (select 1 from manifest c where c.repository = :number "
            "and c.digest = e.child) and not exists (select 1 from blob b "
            "join repository_blob x on x.blob = b.id and x.repository = :number "
            "where b.digest = e.child)",
            {"number": self._live[0]},
        )
        self._wanted += [digest for (digest,) in parts]
        loose = self._db.execute(
            "delete from tag where repository = :number and not exists (select 1 from manifest m "
            "where m.repository = :number and m.digest = tag.digest) returning name, digest",
            {"number": self._live[0]},
        ).fetchall()
        for name, digest in loose:
            record(self._db, Change(Kind.UNTAGGED, self._live[1], name, old=digest, by=self._by))
        self._tags += loose
        self.restored.tags -= len(loose)
        quotas.charge(self._db, self._live[1].project, tags=-len(loose))

    def _point(self, tag: str, digest: str) -> None:
        """Point a tag to its manifest again, unless it points elsewhere by now."""
        row = self._db.execute(
            "select digest, floats from tag where repository = ? and name = ?",
            (self._live[0], tag),
        ).fetchone()
        here, stands = row or (None, None)
        if floating_rules.keeper(self._db, self._live[1], stands):
            return  # it follows what comes back by itself
        held = here != digest and channels.has(self._db, self._live[1], tag)
        if held or (here not in (None, digest) and not self._move):
            self.restored.kept.append(Kept(tag, here or "", digest))
            return
        where = Digest.parse(digest)
        tags.point(self._db, self._live, Tag(tag), where, kind=Kind.RESTORED, by=self._by)
        self.restored.tags += 1
