"""What `entrepot check --repair` does: each looks again before it changes anything.

None takes away what could be the last of some content. Lost bytes no mend brings back: that does
the next push. A blob that a manifest lists and its repository does not have is not linked either,
though it may lie in another: whoever may leave out parts could so get hold of another's content.
"""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from entrepot.blobstore.store import Store
from entrepot.db import (
    channels,
    faults,
    healing,
    idle,
    immutable,
    pieces,
    quarantine,
    quotas,
    repositories,
    tags,
)
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.quarantine import Kept
from entrepot.oci.names import Repository, Tag
from entrepot.upkeep.fault import fault
from entrepot.versions import floating

BY = By("entrepot", via="check")


class _Sure:
    """What concerns the database alone, and looks again in its transaction."""

    __slots__ = ()
    heals: ClassVar[bool] = True

    def stands(self, _db: Connection, _store: Store) -> bool:
        """Nothing has to be read."""
        return True


@dataclass(frozen=True, slots=True)
class PutAside:
    """For content that is missing or wrong."""

    found: Kept
    why: str
    heals: ClassVar[bool] = False
    read: bool = True
    """Whether its bytes were compared."""

    def __str__(self) -> str:
        return "put it in quarantine: it is served no more, and the next push of it heals it"

    def stands(self, db: Connection, store: Store) -> bool:
        """A disk may have been away for a moment, or have erred once."""
        return fault(db, store, self.found, read=self.read) != ""

    def apply(self, db: Connection) -> bool:
        """Do it, unless it has changed since it was looked at."""
        return quarantine.quarantine(db, self.found, self.why)


@dataclass(frozen=True, slots=True)
class TakeBack(_Sure):
    """For what lies in quarantine, and was read and found to be whole."""

    lost: Kept
    number: int
    found: Kept

    def __str__(self) -> str:
        return "take it out of quarantine"

    def apply(self, db: Connection) -> bool:
        """Do it, unless it was pushed again meanwhile."""
        return healing.take_back(db, self.number, self.lost, BY)


@dataclass(frozen=True, slots=True)
class TakeTag(_Sure):
    """For a tag whose manifest is not there."""

    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        return "remove the tag; the audit keeps what it pointed to"

    def apply(self, db: Connection) -> bool:
        """Do it, unless its manifest has come back, or it is immutable or a channel."""
        if not faults.is_dangling(db, self.repository, self.tag, self.digest):
            return True
        name = Repository.parse(self.repository)
        if immutable.holds(db, name, self.tag) or channels.has(db, name, self.tag):
            return False
        number = repositories.identify(db, name)
        assert number is not None
        tags.stand(db, number, self.tag, None)  # if it floats: it stands for nothing
        tag = Tag.parse(self.tag)
        remove = partial(tags.remove, repository=name, tag=tag, even_if_running=True, by=BY)
        floating.keeping(db, name, remove, by=BY)
        return True


@dataclass(frozen=True, slots=True)
class ThrowAway(_Sure):
    """For an object that no row names."""

    object: str
    size: int

    def __str__(self) -> str:
        return "delete it from the store"

    def apply(self, db: Connection) -> bool:
        """Have it deleted, unless a row names it by now: a row comes before the first byte."""
        if not faults.is_named(db, self.object):
            pieces.throw_away(db, [(self.object, self.size)], "no row named it")
        return True


@dataclass(frozen=True, slots=True)
class Recount(_Sure):
    """For what projects take."""

    def __str__(self) -> str:
        return "count anew"

    def apply(self, db: Connection) -> bool:
        """Count all projects."""
        quotas.recount(db)
        return True


@dataclass(frozen=True, slots=True)
class Relist(_Sure):
    """For whether a repository is listed in the catalog."""

    repository: str

    def __str__(self) -> str:
        return "look again whether it holds a manifest"

    def apply(self, db: Connection) -> bool:
        """Look again."""
        number = repositories.identify(db, Repository.parse(self.repository))
        if number is not None:
            repositories.relist(db, number)
        return True


@dataclass(frozen=True, slots=True)
class NoteIdle(_Sure):
    """For what nothing keeps, and the collector does not know of."""

    def __str__(self) -> str:
        return "tell the collector, who looks at it when a grace is over"

    def apply(self, db: Connection) -> bool:
        """Note all of it."""
        idle.note_unknown(db)
        return True
