"""Uploads: which step may follow which, and that no step harms what another one made."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.db.pushed import APP, OTHER, garbage, settled

from entrepot.db import blobs, pieces, uploads
from entrepot.db.blobs import Blob
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece
from entrepot.db.uploads import Upload
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError

DIGEST = Digest.of(b"large")


@pytest.fixture
def begun(db: Connection) -> Upload:
    upload = Upload.new(APP, "sha256")
    uploads.begin(db, upload)
    return upload


def advance(db: Connection, upload: Upload) -> Upload:
    return uploads.advance(db, upload, replace(upload, size=upload.size + 5))


def complete(db: Connection, upload: Upload) -> None:
    uploads.complete(db, upload, DIGEST, Blob(5, None, upload.id), renew=False)


def test_an_upload_belongs_to_its_repository(db: Connection, begun: Upload) -> None:
    assert uploads.find(db, APP, begun.id) == begun
    with pytest.raises(OCIError) as unknown:
        uploads.find(db, OTHER, begun.id)
    assert unknown.value.code is Code.BLOB_UPLOAD_UNKNOWN


def test_an_upload_remembers_what_came(db: Connection, begun: Upload) -> None:
    few = uploads.advance(db, begun, replace(begun, size=3, content=b"few"))
    assert uploads.find(db, APP, begun.id) == few
    more = uploads.advance(db, few, replace(few, size=9, content=None, digest=str(DIGEST)))
    assert uploads.find(db, APP, begun.id) == more


STALE: dict[str, Callable[[Connection, Upload], object]] = {
    "advance": advance,
    "complete": complete,
}


@pytest.mark.parametrize("step", STALE.values(), ids=STALE)
def test_who_comes_late_is_told_to_ask(
    db: Connection, begun: Upload, step: Callable[[Connection, Upload], object]
) -> None:
    advance(db, begun)
    with pytest.raises(OCIError) as conflict:
        step(db, begun)
    assert (conflict.value.code, conflict.value.status) == (Code.BLOB_UPLOAD_INVALID, 409)


@pytest.mark.parametrize("step", STALE.values(), ids=STALE)
def test_who_comes_too_late_is_told_that_it_is_over(
    db: Connection, begun: Upload, step: Callable[[Connection, Upload], object]
) -> None:
    complete(db, begun)
    with pytest.raises(OCIError) as unknown:
        step(db, begun)
    assert unknown.value.code is Code.BLOB_UPLOAD_UNKNOWN


END: dict[str, Callable[[Connection, str], object]] = {
    "cancel": uploads.cancel,
    "expire": lambda db, upload: uploads.expire(db, [upload], -1),
}


@pytest.mark.parametrize("end", END.values(), ids=END)
def test_what_ends_an_upload_never_takes_the_blob_that_it_has_become(
    db: Connection, begun: Upload, end: Callable[[Connection, str], object]
) -> None:
    """The PUT was a moment faster: the object is the blob's now."""
    piece = settled(db, begun.id, "a" * 32, 5)
    complete(db, advance(db, begun))
    end(db, begun.id)
    assert garbage(db) == []
    assert blobs.find(db, APP, DIGEST) == Blob(5, None, begun.id, (piece,))


@pytest.mark.parametrize("end", END.values(), ids=END)
def test_an_upload_that_ends_leaves_its_pieces_as_garbage(
    db: Connection, begun: Upload, end: Callable[[Connection, str], object]
) -> None:
    settled(db, begun.id, "a" * 32, 5)
    pieces.begin(db, begun.id, Piece("b" * 32))
    end(db, begun.id)
    assert garbage(db) == ["a" * 32], "the other is its writer's to drop"
    with pytest.raises(OCIError):
        uploads.find(db, APP, begun.id)


@pytest.mark.parametrize(
    "step", [uploads.advance, uploads.complete], ids=lambda step: step.__name__
)
def test_a_piece_that_was_given_up_cannot_count(
    db: Connection, begun: Upload, step: Callable[..., object]
) -> None:
    piece = Piece("a" * 32, 5)
    pieces.begin(db, begun.id, piece)
    pieces.drop(db, piece.name, "stale")
    after = replace(begun, size=5)
    rest = (after,) if step is uploads.advance else (DIGEST, Blob(5, None, begun.id))
    more = {} if step is uploads.advance else {"renew": False}
    db.execute("begin")
    with pytest.raises(OCIError) as conflict:
        step(db, begun, *rest, piece, **more)
    db.execute("rollback")
    assert conflict.value.code in {Code.BLOB_UPLOAD_INVALID, Code.BLOB_UPLOAD_UNKNOWN}


def test_idle_uploads_expire_unless_touched(db: Connection, begun: Upload) -> None:
    assert uploads.idle(db, 60, (0, ""), 10) == []
    db.execute("update upload set touched_at = touched_at - 100")
    assert [upload for _, upload in uploads.idle(db, 60, (0, ""), 10)] == [begun.id]
    advance(db, begun)
    assert uploads.expire(db, [begun.id], 60) == 0
    assert uploads.find(db, APP, begun.id).size == 5
