"""Uploads: blobs on their way in. The row is the truth of how far one has come.

    open ──advance──▶ open ──complete──▶ (a blob)
      └───────────────┴──────cancel────▶ (nothing)

`advance` names the size that it starts from, so of two writers of one upload only one goes on, and
the other's piece is dropped. Bytes are durable before the row says that they are there. A few of
them lie in the row; more lie in pieces, one for each request that brought some (`db.pieces`).
Source: OCI Distribution Specification, "Pushing Blobs".
"""

import secrets
import time
from dataclasses import dataclass

from entrepot.db import blobs, pieces, sealed
from entrepot.db.blobs import Blob
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece
from entrepot.db.sealed import Sealed
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload and the bytes it has: up to SMALL of them in `content`, more in its pieces."""

    id: str
    repository: Repository
    algorithm: str
    size: int = 0
    digest: str | None = None
    """Of all the bytes so far, where that is known."""
    content: bytes | None = None

    @classmethod
    def new(cls, repository: Repository, algorithm: str) -> "Upload":
        """An upload with an id that nobody can guess."""
        return cls(secrets.token_hex(16), repository, algorithm)


def unknown(upload: str) -> OCIError:
    """The error for an upload that is not (or no longer) there."""
    return OCIError(
        Code.BLOB_UPLOAD_UNKNOWN,
        "this upload has ended, expired or never was here: start a new one with POST",
        detail={"upload": upload},
    )


def begin(db: Connection, upload: Upload) -> None:
    """Write the row of a new upload."""
    db.execute(
        "insert into upload (id, repository, algorithm, touched_at) values (?, ?, ?, ?)",
        (upload.id, upload.repository.name, upload.algorithm, time.time()),
    )


def find(db: Connection, repository: Repository, upload: str) -> Upload:
    """An upload of this repository. Raises BLOB_UPLOAD_UNKNOWN, also for another one's."""
    row = db.execute(
        "select algorithm, size, digest, content, key from upload where id = ? and repository = ?",
        (upload, repository.name),
    ).fetchone()
    if row is None:
        raise unknown(upload)
    algorithm, size, digest, kept, key = row
    content = None if kept is None else sealed.unseal(db, (Sealed.UPLOAD, upload), kept, key)
    return Upload(upload, repository, algorithm, size, digest, content)


def advance(db: Connection, before: Upload, after: Upload, piece: Piece | None = None) -> Upload:
    """Say that more bytes are there, in the row or in a new piece.

    Raises where someone else moved the upload meanwhile.
    """
    few = after.content
    kept, key = (None, None) if few is None else sealed.seal(db, (Sealed.UPLOAD, before.id), few)
    changed = db.execute(
        "update upload set size = ?, digest = ?, content = ?, key = ?, touched_at = ? "
        "where id = ? and size = ?",
        (after.size, after.digest, kept, key, time.time(), before.id, before.size),
    )
    if changed.rowcount != 1 or (piece and not pieces.settle(db, before.id, piece)):
        raise moved(db, before)
    return after


def complete(
    db: Connection,
    upload: Upload,
    digest: Digest,
    blob: Blob,
    piece: Piece | None = None,
    *,
    renew: bool,
) -> None:
    """Make the bytes, with those of a last piece, a blob of the repository, and end the upload as
    it stood in `upload`.
    """
    gone = db.execute("delete from upload where id = ? and size = ?", (upload.id, upload.size))
    if gone.rowcount != 1 or (piece and not pieces.settle(db, upload.id, piece)):
        raise moved(db, upload)
    blobs.add(db, upload.repository, digest, blob, renew=renew)


def cancel(db: Connection, upload: str) -> None:
    """End an upload without a blob; what it brought is garbage.

    Does nothing to one that has ended meanwhile: its pieces may be a blob's by now.
    """
    gone = db.execute("delete from upload where id = ?", (upload,))
    if gone.rowcount:
        pieces.discard(db, upload, "its upload was cancelled")


def touch(db: Connection, upload: str, piece: Piece | None) -> None:
    """Say that a request still brings bytes: neither the upload nor its open piece is idle."""
    db.execute("update upload set touched_at = ? where id = ?", (time.time(), upload))
    if piece is not None:
        pieces.renew(db, piece.name)


def expire(db: Connection, names: list[str], seconds: float) -> int:
    """Cancel uploads, but those that someone has touched since they were found `idle`."""
    before = time.time() - seconds
    count = 0
    for upload in names:
        gone = db.execute("delete from upload where id = ? and touched_at < ?", (upload, before))
        if gone.rowcount:
            pieces.discard(db, upload, "nobody went on with its upload")
            count += 1
    return count


def idle(
    db: Connection, seconds: float, after: tuple[float, str], limit: int
) -> list[tuple[float, str]]:
    """When they were touched last, and ids, of uploads that nobody has touched for so long; in
    order, from the one behind `after` on.
    """
    return db.execute(
        "select touched_at, id from upload where touched_at < ? and (touched_at, id) > (?, ?) "
        "order by touched_at, id limit ?",
        (time.time() - seconds, *after, limit),
    ).fetchall()


def forsaken(db: Connection, seconds: float, limit: int) -> list[tuple[float, str, str, int]]:
    """When they were touched last, ids, repositories and bytes of uploads that nobody has touched
    for so long.
    """
    return db.execute(
        "select touched_at, id, repository, size from upload where touched_at < ? "
        "order by touched_at limit ?",
        (time.time() - seconds, limit),
    ).fetchall()


def moved(db: Connection, upload: Upload) -> OCIError:
    """The error for an upload that someone else went on with, or ended."""
    row = db.execute("select 1 from upload where id = ?", (upload.id,)).fetchone()
    return conflict(upload) if row else unknown(upload.id)


def conflict(upload: Upload) -> OCIError:
    """The error for two requests that write one upload at once."""
    return OCIError(
        Code.BLOB_UPLOAD_INVALID,
        "another request writes this upload: ask where it stands with GET, then go on from there",
        detail={"upload": upload.id},
        status=409,
    )
