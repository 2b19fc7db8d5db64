"""Pushes by another registry, which says so: its tags move here only where they moved later there.

`Entrepot-Replicated: NAME SECONDS [deletions]` names the registry, and when the tag moved or went
there. What is newer here stays, and the answer says so: `Entrepot-Kept: DIGEST`, or `deleted`.
Whoever may move a tag may send it: it can only keep them from doing so. Next: `db.replicated`.
"""

import re
import time
from typing import Any

from entrepot.db import replicated, tags
from entrepot.db.connection import Connection
from entrepot.db.replicated import Mark
from entrepot.distribution import signed
from entrepot.distribution.asgi import Header
from entrepot.distribution.request import Request
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository, Tag

_header = re.compile(r"([0-9a-f]{1,64}) ([0-9]{1,12}(?:\.[0-9]{1,9})?)( deletions)?").fullmatch


class Kept:
    """What stayed here, as a transaction finds it."""

    def __init__(self) -> None:
        self.what = ""

    @property
    def headers(self) -> list[Header]:
        """What tells of it."""
        return [(b"entrepot-kept", self.what.encode())] if self.what else []


def mark(request: Request) -> Mark | None:
    """What the request says of itself; None where it is an ordinary one. Raises UNSUPPORTED."""
    text = request.header(b"entrepot-replicated")
    if not text:
        return None
    found = _header(text)
    if found is None:
        raise OCIError(
            Code.UNSUPPORTED, "Entrepot-Replicated: write NAME SECONDS [deletions]", status=400
        )
    # A clock that is ahead would have the last word until then.
    return Mark(found[1], min(float(found[2]), time.time()), bool(found[3]))


def put(
    db: Connection,
    repository: Repository,
    manifest: Manifest,
    names: list[Tag],
    *,
    mark: Mark | None,
    kept: Kept,
    **more: Any,
) -> list[Digest]:
    """`signed.put`, of whose tags only those move that did so later there."""
    if mark is None:
        return signed.put(db, repository, manifest, names, **more)
    digest, moves = str(manifest.digest), []
    for tag in names:
        what = replicated.holds(db, repository, tag.name, digest, mark)
        kept.what = what or kept.what
        if not what:
            moves.append(tag)
    before = {tag.name: tags.digest_of(db, repository, tag) for tag in moves}
    missing = signed.put(db, repository, manifest, moves, **more)
    for tag in moves:
        if before[tag.name] != digest:
            replicated.note(db, repository, tag.name, mark)
    return missing


def remove(
    db: Connection, repository: Repository, tag: Tag, *, mark: Mark | None, kept: Kept, **more: Any
) -> int | None:
    """`tags.remove`, unless the tag moved here later than it went there."""
    if mark is None:
        return tags.remove(db, repository, tag, **more)
    kept.what = replicated.holds(db, repository, tag.name, None, mark)
    if kept.what:
        return 0
    gone = tags.remove(db, repository, tag, **more)
    if gone is not None:
        replicated.note(db, repository, tag.name, mark)
    return gone
