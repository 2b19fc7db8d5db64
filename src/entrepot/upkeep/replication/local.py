"""`LocalRepository`: a repository of this registry as `Source` and `Target`, past HTTP.

It reads the database and the store as they are, and writes as pushes do. For threads, not for the
event loop, on which the database's writes are made. Next: `upstream.copying`.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from entrepot.auth import decision
from entrepot.blobstore.store import Store, has_room
from entrepot.db import blobs, manifests, pieces, projects, quotas, replicated, tags
from entrepot.db.audit import By
from entrepot.db.blobs import Blob as Row
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.pieces import SMALL, Piece
from entrepot.db.replicated import Mark
from entrepot.db.trash import Keep
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository, Tag, parse_reference
from entrepot.oci.ranges import Span
from entrepot.upstream.place import CHUNK, Blob, HeldError, Source, UnknownError, UpstreamError
from entrepot.versions import floating
from entrepot.versions.reading import is_referrer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Local:
    """This registry, as threads reach it."""

    database: Database
    store: Store
    loop: asyncio.AbstractEventLoop
    keep: Keep
    """How what is deleted is kept in the trash."""
    disk: Path | None
    """The folder whose disk must have room for what comes; None where there is none."""

    def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query. Raises `UpstreamError`."""
        try:
            return self.database.ask(query)
        except OCIError as error:
            raise _translated(error) from None
        except sqlite3.Error as error:
            raise UpstreamError(f"the database cannot be read: {error}") from None

    def write(self, write: Callable[[Connection], T], *, note: bool = False) -> T:
        """Run a write, and wait for it. Raises `UpstreamError`."""

        async def run() -> T:
            return await (self.database.note if note else self.database.write)(write)

        try:
            return asyncio.run_coroutine_threadsafe(run(), self.loop).result()
        except OCIError as error:
            raise _translated(error) from None
        except sqlite3.Error as error:
            raise UpstreamError(f"the database takes no writes: {error}") from None


_HOLDING = {"rule", "channel", "floats_with"}


def _translated(error: OCIError) -> UpstreamError:
    """What a rule holds as it is, is held for this registry, too."""
    holds = isinstance(error.detail, dict) and bool(_HOLDING & error.detail.keys())
    return HeldError(error.message) if holds else UpstreamError(error.message)


class LocalRepository:
    """One repository; `by`, `reason` and `mark` say who writes there, and from where."""

    def __init__(
        self,
        local: Local,
        name: Repository,
        by: By = By(),  # noqa: B008 - frozen
        reason: str = "",
        mark: Callable[[str], Mark] | None = None,
    ) -> None:
        self._local, self.name = local, name
        self._by, self._reason, self._mark = by, reason, mark
        self.kept: dict[str, str] = {}
        """By tag, what is newer here than what was to be written, and stays."""

    def __str__(self) -> str:
        return str(self.name)

    def manifest(self, reference: str) -> Manifest:
        """See `Source`."""
        try:
            wanted = parse_reference(reference)
            find = partial(manifests.find, repository=self.name, reference=wanted)
            found = self._local.read(find)
            if found is None or not found.content:
                raise UnknownError(f"{self.name} has no {reference}, or its bytes are lost")
            algorithm = Digest.parse(found.digest).algorithm
            return Manifest.read(found.content, found.media_type, algorithm)
        except OCIError as error:
            raise UpstreamError(error.message) from None

    def held(self, digest: str) -> Manifest | None:
        """One that is here already."""
        try:
            return self.manifest(digest)
        except UnknownError:
            return None

    def blob(self, blob: Blob, start: int = 0) -> Iterator[bytes]:
        """See `Source`."""
        found = self._found(blob)
        if found is None:
            raise UnknownError(f"{self.name} has no blob {blob.digest}, or its bytes are lost")
        if found.content is not None:
            yield found.content[start:]
            return
        skip = start
        try:
            for piece in found.pieces:
                if skip < piece.size:
                    for stride in self._local.store.read(piece, Span(skip, piece.size)):
                        yield bytes(stride)
                skip = max(0, skip - piece.size)
        except (OSError, EOFError) as error:
            raise UpstreamError(f"{blob.digest} cannot be read here: {error}") from None

    def referrers(self, digest: Digest) -> list[Digest]:
        """See `Source`."""

        def query(db: Connection) -> list[Digest]:
            rows = db.execute(
                "select m.digest from manifest m join repository r on r.id = m.repository "
                "where r.name = ? and m.subject = ? order by m.id",
                (self.name.name, str(digest)),
            )
            return [Digest.parse(found) for (found,) in rows]

        return self._local.read(query)

    def named_after(self, digest: Digest) -> list[str]:
        """See `Source`."""
        name = f"{digest.algorithm}-{digest.hex}"

        def query(db: Connection) -> list[str]:
            rows = db.execute(
                "select t.name from tag t join repository r on r.id = t.repository "
                "where r.name = ? and t.name > ? and t.name < ? order by t.name",
                (self.name.name, f"{name}.", f"{name}/"),
            )
            return [found for (found,) in rows if is_referrer(found)]

        return self._local.read(query)

    def tags(self) -> list[str]:
        """See `Source`."""

        def query(db: Connection) -> list[str]:
            rows = db.execute(
                "select t.name from tag t join repository r on r.id = t.repository "
                "where r.name = ? order by t.name",
                (self.name.name,),
            )
            return [found for (found,) in rows]

        return self._local.read(query)

    def has_manifest(self, digest: Digest) -> bool:
        """See `Target`."""
        holds = partial(manifests.holds, repository=self.name, digest=str(digest))
        return self._local.read(holds)

    def has_blob(self, blob: Blob) -> bool:
        """See `Target`."""
        return self._found(blob) is not None

    def mount(self, blob: Blob, source: Source) -> bool:  # noqa: ARG002 - as all targets have it
        """Never: who may read there need not be allowed to read what others have here."""
        return False

    def put_blob(self, blob: Blob, content: Iterator[bytes]) -> None:
        """See `Target`."""
        self._local.read(partial(self._check_room, blob=blob))
        if blob.size <= SMALL:
            row = Row(blob.size, b"".join(content), None)
            add = partial(
                blobs.add, repository=self.name, digest=blob.digest, blob=row, renew=False
            )
            self._local.write(add)
        else:
            self._put_large(blob, content)

    def put_manifest(self, manifest: Manifest, tag: str = "") -> None:
        """See `Target`."""
        name = Tag.parse(tag) if tag else None
        mark = self._mark(tag) if tag and self._mark is not None else None
        kept = self._local.write(partial(self._put, manifest=manifest, name=name, mark=mark))
        if kept:
            self.kept[tag] = kept

    def delete_tag(self, tag: str) -> None:
        """Take a tag away."""
        mark = self._mark(tag) if self._mark is not None else None
        kept = self._local.write(partial(self._delete, tag=Tag.parse(tag), mark=mark))
        if kept:
            self.kept[tag] = kept

    def _found(self, blob: Blob) -> Row | None:
        find = partial(blobs.find, repository=self.name, digest=blob.digest)
        found = self._local.read(find)
        return None if found is None or found.lost else found

    def _check_open(self, db: Connection) -> None:
        """A project's policies hold for rules, too. Raises DENIED."""
        project = projects.find(db, self.name.project)
        if project is not None and (why := decision.closed(project)):
            raise OCIError(Code.DENIED, why)

    def _check_room(self, db: Connection, blob: Blob) -> None:
        """Before anything of it is asked for. Raises DENIED, `UpstreamError`."""
        self._check_open(db)
        quotas.check(db, self.name.project, blob.size, str(blob.digest))
        disk = self._local.disk
        if disk is not None and not has_room(disk, blob.size):
            raise UpstreamError(f"the disk here has no room for {quotas.words(blob.size)} more")

    def _put(self, db: Connection, manifest: Manifest, name: Tag | None, mark: Mark | None) -> str:
        """What is newer here, and stays; "" for nothing."""
        self._check_open(db)
        before = tags.digest_of(db, self.name, name) if name else None
        kept = self._newer(db, name, str(manifest.digest), mark)
        names = [name] if name and not kept else []
        put = partial(
            manifests.put,
            repository=self.name,
            manifest=manifest,
            names=names,
            sparse=False,
            by=self._by,
            reason=self._reason if names else "",
        )
        floating.keeping(db, self.name, put, by=self._by)
        for tag in names:
            if mark is not None and before != str(manifest.digest):
                replicated.note(db, self.name, tag.name, mark)
        return kept

    def _newer(self, db: Connection, tag: Tag | None, digest: str | None, mark: Mark | None) -> str:
        if tag is None or mark is None:
            return ""
        return replicated.holds(db, self.name, tag.name, digest, mark)

    def _delete(self, db: Connection, tag: Tag, mark: Mark | None) -> str:
        self._check_open(db)
        if kept := self._newer(db, tag, None, mark):
            return kept
        remove = partial(
            tags.remove,
            repository=self.name,
            tag=tag,
            keep=self._local.keep,
            by=self._by,
            reason=self._reason,
        )
        gone = floating.keeping(db, self.name, remove, by=self._by)
        if gone is not None and mark is not None:
            replicated.note(db, self.name, tag.name, mark)
        return ""

    def _put_large(self, blob: Blob, content: Iterator[bytes]) -> None:
        """The database knows of its piece before the store does."""
        owner, piece = secrets.token_hex(16), Piece.new(self._local.database.keyring)
        self._local.write(partial(pieces.begin, owner=owner, piece=piece), note=True)
        try:
            with self._local.store.part(piece, None, blob.size) as part:
                try:
                    self._pour(part.write, piece, content)
                except BaseException:
                    part.drop()
                    raise
                part.seal()
                piece = replace(piece, size=part.size)
            self._local.write(partial(self._settle, blob=blob, owner=owner, piece=piece))
        except BaseException as error:
            drop = partial(pieces.drop, name=piece.name, why="it was not copied to its end")
            self._local.write(drop, note=True)
            if isinstance(error, OSError):
                raise UpstreamError(f"{blob.digest} cannot be written: {error}") from None
            raise

    def _pour(
        self, write: Callable[[memoryview], None], piece: Piece, content: Iterator[bytes]
    ) -> None:
        """While it lasts the piece is somebody's: a large one may take longer than uploads may."""
        since = 0
        for part in content:
            write(memoryview(part))
            since += len(part)
            if since > 64 * CHUNK:
                since = 0
                self._local.write(partial(pieces.renew, name=piece.name), note=True)

    def _settle(self, db: Connection, blob: Blob, owner: str, piece: Piece) -> None:
        if not pieces.settle(db, owner, piece):
            raise UpstreamError("its piece was given up meanwhile")
        found = blobs.stored(db, blob.digest)
        renew = found is not None and found.lost
        blobs.add(db, self.name, blob.digest, Row(piece.size, None, owner), renew=renew)
