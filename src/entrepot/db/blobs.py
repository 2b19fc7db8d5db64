"""Blobs: what is known of some content, and which repositories serve it.

A digest has one row; the row says where the bytes lie. What a row stops naming becomes garbage in
the same transaction (`db.pieces`), so nothing is forgotten if the process dies before deleting it.
"""

import time
from dataclasses import dataclass, field, replace
from typing import Any

from entrepot.db import channels, immutable, links, pieces, repositories, running, sealed
from entrepot.db.audit import NOBODY, By
from entrepot.db.changes import Change, Kind, record
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece
from entrepot.db.sealed import Sealed
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob's size in bytes and its place: its content, or the pieces that an upload left."""

    size: int
    content: bytes | None
    object: str | None
    """The id of that upload, which its pieces keep."""
    pieces: tuple[Piece, ...] = ()
    idle_since: float | None = field(default=None, compare=False)
    """Since when no manifest of the repository needs it, as far as is known."""

    @property
    def lost(self) -> bool:
        """Whether its row names fewer bytes than it had: in quarantine, or given up."""
        return self.content is None and sum(piece.size for piece in self.pieces) != self.size


def find(db: Connection, repository: Repository, digest: Digest) -> Blob | None:
    """A blob that the repository links."""
    rows = db.execute(
        f"select x.idle_since, {_COLUMNS} from repository r "
        "join blob b on b.digest = ? join repository_blob x on x.repository = r.id "
        f"and x.blob = b.id {_PIECES} where r.name = ?",
        (str(digest), repository.name),
    ).fetchall()
    if not rows:
        return None
    return replace(_read(db, [row[1:] for row in rows]), idle_since=rows[0][0])


def stored(db: Connection, digest: Digest) -> Blob | None:
    """Where content lies, whoever links it: nothing to tell a client."""
    rows = db.execute(
        f"select {_COLUMNS} from blob b {_PIECES} where b.digest = ?",
        (str(digest),),
    ).fetchall()
    return _read(db, rows) if rows else None


_COLUMNS = f"b.digest, b.size, b.content, b.key, b.object, p.number, {pieces.COLUMNS}"
_PIECES = "left join piece p on p.object = b.object and p.number is not null"


def _read(db: Connection, rows: list[Any]) -> Blob:
    """One row for each piece, in any order; one without, where there is none."""
    digest, size, kept, key, owner, number, *piece = rows[0]
    if len(rows) > 1:
        found = tuple(Piece(*row[6:]) for row in sorted(rows, key=lambda row: row[5]))
    else:
        found = () if number is None else (Piece(*piece),)
    content = None if kept is None else sealed.unseal(db, (Sealed.BLOB, digest), kept, key)
    return Blob(size, content, owner, found)


def _sealed(db: Connection, digest: str, content: bytes | None) -> tuple[bytes | None, str | None]:
    return (None, None) if content is None else sealed.seal(db, (Sealed.BLOB, digest), content)


def add(db: Connection, repository: Repository, digest: Digest, blob: Blob, *, renew: bool) -> None:
    """Link content that was just stored. If the digest has content already, that is kept and
    the new object is garbage; or, to `renew` it where the old was lost, the other way round.
    """
    text = str(digest)
    row = db.execute(
        "select id, object, content, key from blob where digest = ?", (text,)
    ).fetchone()
    if row is None:
        (number,) = db.execute(
            "insert into blob (digest, size, content, key, object, created_at) "
            "values (?, ?, ?, ?, ?, ?) returning id",
            (text, blob.size, *_sealed(db, text, blob.content), blob.object, time.time()),
        ).fetchone()
    else:
        number, kept, content, key = row
        renew = renew or (content is None and not pieces.of(db, kept))
        if renew:
            db.execute(
                "update blob set content = ?, key = ?, object = ? where id = ?",
                (*_sealed(db, text, blob.content), blob.object, number),
            )
        elif blob.content is not None and content is not None:
            _heal(db, number, text, (content, key), blob.content)
        unneeded = kept if renew else blob.object
        pieces.discard(db, unneeded, f"another upload brought {text}, too")
    links.link(db, (repositories.ensure(db, repository), repository), number, blob.size)


def _heal(
    db: Connection, number: int, digest: str, kept: tuple[bytes, str | None], content: bytes
) -> None:
    """Put right what the disk may have made of a small blob."""
    if not sealed.holds(db, (Sealed.BLOB, digest), *kept, content):
        db.execute(
            "update blob set content = ?, key = ? where id = ?",
            (*_sealed(db, digest, content), number),
        )


def linked(db: Connection, digest: Digest, limit: int) -> list[Repository]:
    """Repositories that link a blob; some of them, where there are more than `limit`."""
    rows = db.execute(
        "select r.name from blob b join repository_blob x on x.blob = b.id "
        "join repository r on r.id = x.repository where b.digest = ? "
        "and r.trash is null limit ?",
        (str(digest), limit),
    )
    return [Repository(name) for (name,) in rows]


def link(db: Connection, repository: Repository, digest: Digest) -> bool:
    """Link content that is here, for somebody who has it as well. False: it is not here."""
    row = db.execute("select id, size from blob where digest = ?", (str(digest),)).fetchone()
    if row is None:
        return False
    links.link(db, (repositories.ensure(db, repository), repository), *row)
    return True


def mount(db: Connection, target: Repository, source: Repository, digest: Digest) -> bool:
    """Link in `target` what `source` links. False: not there."""
    row = db.execute(
        "select b.id, b.size from blob b join repository_blob x on x.blob = b.id "
        "where b.digest = ? and x.repository = (select id from repository where name = ?)",
        (str(digest), source.name),
    ).fetchone()
    if row is None:
        return False
    links.link(db, (repositories.ensure(db, target), target), *row)
    return True


def remove(
    db: Connection,
    repository: Repository,
    digest: Digest,
    *,
    even_if_used: bool = False,
    even_if_running: bool = False,
    by: By = NOBODY,
) -> bool:
    """Unlink a blob; the last link takes the content with it. False where it was not linked.

    Raises DENIED where a manifest of the repository needs it, unless `even_if_used`, and where an
    immutable tag does; `RunsError` where a cluster has an image of it, unless `even_if_running`.
    """
    text = str(digest)
    row = db.execute(
        "select r.id, b.id, b.size, b.object from repository r join blob b on b.digest = ? "
        "join repository_blob x on x.repository = r.id and x.blob = b.id where r.name = ?",
        (text, repository.name),
    ).fetchone()
    if row is None:
        return False
    number, blob, size, stored = row
    if even_if_used:
        immutable.check_part(db, number, repository, digest)
        channels.check_part(db, number, repository, digest)
    else:
        check_unused(db, number, digest)
    if not even_if_running:
        running.check_part(db, (number, repository), digest)
    unlink(db, (number, repository), blob, size, stored)
    record(db, Change(Kind.BLOB_DELETED, repository, text, old=text, by=by))
    return True


def unlink(
    db: Connection, repository: tuple[int, Repository], blob: int, size: int, stored: str | None
) -> int | None:
    """Take a link away, the last one with the content; the bytes that are free then, if it was."""
    if not links.unlink(db, repository, blob, size):
        return None
    db.execute("delete from blob where id = ?", (blob,))
    pieces.discard(db, stored, "no repository links its blob")
    return size


def check_unused(db: Connection, repository: int, digest: Digest) -> None:
    """Raise DENIED where a manifest of the repository cannot be served without the digest."""
    users = db.execute(
        "select m.digest from edge e join manifest m on m.id = e.manifest "
        "where e.repository = ? and e.child = ? limit 10",
        (repository, str(digest)),
    ).fetchall()
    if users:
        raise OCIError(
            Code.DENIED,
            f"{digest} is part of {users[0][0]}: delete that manifest first",
            detail={"used_by": [user for (user,) in users]},
        )
