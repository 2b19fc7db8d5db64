"""Short ways to put blobs, manifests and uploads into a database."""

from typing import Any

from tests.content import dump

from entrepot.db import blobs, manifests, pieces
from entrepot.db.blobs import Blob
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece
from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository, Tag

APP = Repository.parse("team/app")
OTHER = Repository.parse("team/other")


def blob(db: Connection, content: bytes, repository: Repository = APP) -> Digest:
    """A small blob, linked in a repository."""
    digest = Digest.of(content)
    blobs.add(db, repository, digest, Blob(len(content), content, None), renew=False)
    return digest


def large(
    db: Connection, name: str, repository: Repository = APP, *, renew: bool = False
) -> Digest:
    """A blob whose bytes are said to lie in one piece, `name`."""
    digest = Digest.of(b"large")
    settled(db, name, name, 5)
    blobs.add(db, repository, digest, Blob(5, None, name), renew=renew)
    return digest


def manifest(
    db: Connection,
    document: dict[str, Any],
    *tags: str,
    repository: Repository = APP,
    sparse: bool = False,
) -> Digest:
    read = Manifest.read(dump(document), document["mediaType"])
    names = [Tag.parse(tag) for tag in tags]
    manifests.put(db, repository, read, names, sparse=sparse)
    return read.digest


def settled(db: Connection, owner: str, name: str, size: int) -> Piece:
    """A piece that is there, of an upload or a blob."""
    piece = Piece(name, size)
    pieces.begin(db, owner, piece)
    assert pieces.settle(db, owner, piece)
    return piece


def lying(name: str, size: int = 5) -> Blob:
    """The blob of `large`."""
    return Blob(size, None, name, (Piece(name, size),))


def garbage(db: Connection) -> list[str]:
    return sorted(pieces.garbage(db, 100))


def log(db: Connection) -> list[tuple[str, str, str | None, str | None]]:
    """Kind, reference, old and new of every change."""
    return db.execute("select kind, reference, old, new from change order by id").fetchall()
