"""Short ways to put blobs, manifests and uploads into a database."""

import sqlite3
from typing import Any

from tests.content import dump

from entrepot.db import blobs, manifests
from entrepot.db.blobs import Blob
from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository, Tag

APP = Repository.parse("team/app")
OTHER = Repository.parse("team/other")


def blob(db: sqlite3.Connection, content: bytes, repository: Repository = APP) -> Digest:
    """A small blob, linked in a repository."""
    digest = Digest.of(content)
    blobs.add(db, repository, digest, Blob(len(content), content, None), renew=False)
    return digest


def large(
    db: sqlite3.Connection, name: str, repository: Repository = APP, *, renew: bool = False
) -> Digest:
    """A blob whose bytes are said to lie in the object `name`."""
    digest = Digest.of(b"large")
    blobs.add(db, repository, digest, Blob(5, None, name), renew=renew)
    return digest


def manifest(
    db: sqlite3.Connection,
    document: dict[str, Any],
    *tags: str,
    repository: Repository = APP,
    sparse: bool = False,
) -> Digest:
    read = Manifest.read(dump(document), document["mediaType"])
    names = [Tag.parse(tag) for tag in tags]
    manifests.put(db, repository, read, names, sparse=sparse)
    return read.digest


def garbage(db: sqlite3.Connection) -> list[str]:
    return sorted(blobs.garbage(db, 100))


def log(db: sqlite3.Connection) -> list[tuple[str, str, str | None, str | None]]:
    """Kind, reference, old and new of every change."""
    return db.execute("select kind, reference, old, new from change order by id").fetchall()
