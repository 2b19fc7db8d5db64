"""`merge`: some images of a backup come into a registry that lives, beside its server.

They come as if they were pushed: by the same checks, quotas and changes. A tag that points
elsewhere by now is left alone, unless it is to be moved; nothing is ever taken away.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from entrepot.db import (
    blobs,
    channels,
    immutable,
    manifests,
    moving,
    pieces,
    projects,
    quotas,
    tags,
    upstreams,
)
from entrepot.db.audit import By, Event
from entrepot.db.blobs import Blob
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.pieces import SMALL, Piece
from entrepot.db.projects import Project
from entrepot.oci.descriptor import Descriptor
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository, Tag
from entrepot.upkeep.backup.belongings import Belongings, Returned
from entrepot.upkeep.backup.choice import Choice, Row, Wanted, plan
from entrepot.upkeep.backup.opened import Opened
from entrepot.upkeep.backup.vault import BackupError, LostError
from entrepot.upkeep.moving.end import End
from entrepot.upkeep.moving.move import Show
from entrepot.versions import floating

_BY = By("entrepot", via="backup restore")
_PAGE = 1000


@dataclass(slots=True)
class Merged:
    """What was done."""

    tags: list[str] = field(default_factory=list)
    """Made or moved; what pointed there already is not among them."""
    left: list[str] = field(default_factory=list)
    """Left alone, since they point elsewhere by now, and are not to be moved, or never are."""
    manifests: int = 0
    """How many are there, be it that they were before."""
    lost: dict[str, str] = field(default_factory=dict)
    """Manifests that cannot be made whole, and why."""
    projects: list[Returned] = field(default_factory=list)
    """Those that were made anew as they were, with their grants and rules."""


def merge(
    opened: Opened,
    target: End,
    choices: Sequence[Choice],
    show: Show,
    *,
    move_tags: bool,
    sparse: bool,
) -> Merged:
    """Bring it in. Raises `BackupError`, `SchemaError`, `OSError`, `sqlite3.Error`; then it can be
    run again.
    """
    if not target.place.exists():
        raise BackupError(f"there is no registry in {target.place}: without --only one is made")
    wanted = _planned(opened, choices)
    made = Merged()
    show.begin("restoring images", sum(len(each.manifests) for each in wanted), "manifests")
    with target.writing() as db:
        moving.check(db)
        merging = _Merging(opened, target, db, made, move_tags=move_tags, sparse=sparse)
        whole = {choice.name for choice in choices if choice.is_project}
        names = dict.fromkeys(Repository(each.repository).project for each in wanted)
        begun = [merging.project(name, whole=name in whole) for name in names]
        for each in wanted:
            try:
                merging.repository(each, show)
            except OCIError as error:
                raise BackupError(f"{each.repository}: {error}") from None
        merging.finish(*begun)
    target.place.announce()
    return made


def _planned(opened: Opened, choices: Sequence[Choice]) -> list[Wanted]:
    repositories, found, edges, tagged = (
        (row for page in opened.pages(table, _PAGE) for row in page)
        for table in ("repository", "manifest", "edge", "tag")
    )
    return plan(choices, repositories, found, edges, tagged)


class _Merging:
    """One registry, and what comes into it."""

    def __init__(
        self,
        opened: Opened,
        target: End,
        db: Connection,
        made: Merged,
        *,
        move_tags: bool,
        sparse: bool,
    ) -> None:
        self._opened = opened
        self._target = target
        self._db = db
        self._made = made
        self._move_tags = move_tags
        self._sparse = sparse

    def project(self, name: str, *, whole: bool) -> Belongings | None:
        """Have it; where it is new, and all of it is wanted, with what it had, of which the rest is
        to come. Else it is private: whom it is open to is for its owners to say again.
        """
        belongings = Belongings.read(self._opened, name) if whole else None
        with self._db.exclusive():
            if belongings is not None:
                return belongings if belongings.begin(self._db, _BY) else None
            if projects.find(self._db, name) is None:
                projects.create(self._db, Project(name), _BY.actor)
                event = Event("project create", _BY, reference=f"project:{name}")
                record_access(self._db, event)
        return None

    def finish(self, *begun: Belongings | None) -> None:
        """Have the rest of what projects had that were made anew."""
        for each in begun:
            if each is not None:
                with self._db.exclusive():
                    self._made.projects.append(each.finish(self._db, _BY))

    def repository(self, wanted: Wanted, show: Show) -> None:
        """All that is to be in a repository."""
        name = Repository(wanted.repository)
        names: dict[str, list[str]] = {}
        for tag, digest in wanted.tags.items():
            names.setdefault(digest, []).append(tag)
        for row in wanted.manifests:
            try:
                self._manifest(name, row, names.get(row["digest"], []))
            except LostError as error:
                self._made.lost[row["digest"]] = str(error)
            show.add(1)

    def _manifest(self, name: Repository, row: Row, names: list[str]) -> None:
        digest = Digest.parse(row["digest"])
        content = b"".join(bytes(stride) for stride in self._opened.strides(str(digest)))
        manifest = Manifest.read(content, row["media_type"], digest.algorithm)
        for part in manifest.blobs:
            self._blob(name, part)
        with self._db.exclusive():
            found = [tag for tag in names if self._takes(name, tag, digest)]
            wanted = [Tag(tag) for tag in found]
            try:
                put = partial(
                    manifests.put,
                    repository=name,
                    manifest=manifest,
                    names=wanted,
                    sparse=self._sparse or upstreams.stands(self._db, name.project),
                    by=_BY,
                    reason="brought back from a backup",
                )
                floating.keeping(self._db, name, put, by=_BY)
            except OCIError as error:
                if error.code is not Code.MANIFEST_BLOB_UNKNOWN:
                    raise
                raise LostError(str(error)) from None
        self._made.manifests += 1
        self._made.tags += [f"{name}:{tag}" for tag in found]

    def _takes(self, name: Repository, tag: str, digest: Digest) -> bool:
        """Whether a tag is to be made or moved."""
        old = tags.digest_of(self._db, name, Tag(tag))
        if old == str(digest):
            return False
        moves = old is None or (self._move_tags and not self._is_held(name, tag))
        moves = moves and not channels.has(self._db, name, tag)
        if not moves:
            self._made.left.append(f"{name}:{tag}")
        return moves

    def _is_held(self, name: Repository, tag: str) -> bool:
        """Whether a rule says where a tag points to: then that is no more for us to say."""
        is_fixed = immutable.holds(self._db, name, tag) is not None
        return is_fixed or floating.is_kept(self._db, name, tag)

    def _blob(self, name: Repository, part: Descriptor) -> None:
        """Have a blob in a repository; its bytes are sent where nobody has them."""
        there = self._is_there(part.digest)
        if there:
            with self._db.exclusive():
                if blobs.link(self._db, name, part.digest):
                    return
        if part.size <= SMALL:
            content = b"".join(bytes(each) for each in self._opened.strides(str(part.digest)))
            blob = Blob(len(content), content, None)
        else:
            quotas.check(self._db, name.project, part.size, str(part.digest))
            blob = self._object(part)
        with self._db.exclusive():
            if blob.object is not None:
                pieces.settle(self._db, blob.object, blob.pieces[0])
            blobs.add(self._db, name, part.digest, blob, renew=not there)

    def _is_there(self, digest: Digest) -> bool:
        found = blobs.stored(self._db, digest)
        if found is None or found.lost:
            return False
        return all(self._target.store.size(piece) == piece.size for piece in found.pieces)

    def _object(self, part: Descriptor) -> Blob:
        owner, piece = secrets.token_hex(16), Piece.new(self._db.keyring)
        with self._db.exclusive():
            pieces.begin(self._db, owner, piece)
        try:
            with self._target.store.part(piece, None, part.size) as out:
                for stride in self._opened.strides(str(part.digest)):
                    out.write(memoryview(stride))
                out.seal()
                size = out.size
        except BaseException:
            with self._db.exclusive():
                pieces.drop(self._db, piece.name, "its restore was cut")
            raise
        return Blob(size, None, owner, (Piece(piece.name, size, piece.key, piece.data_key),))
