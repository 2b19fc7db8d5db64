"""`Finding`: something that is not as it should be, and `Mend`: what can be done about it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from entrepot.blobstore.store import Store
from entrepot.db.connection import Connection


class Kind(StrEnum):
    """How bad it is."""

    DAMAGE = "damage"
    """A client would notice: a pull fails, or brings wrong bytes."""
    STALE = "stale"
    """Something that is written down beside the content, such as a counter, is not so."""
    LEFTOVER = "leftover"
    """It only takes room."""


class Mend(Protocol):
    """A repair, which is decided before it is done. Written out it says what it will do."""

    @property
    def heals(self) -> bool:
        """Whether all is well then; else at least nobody is told what is not so."""

    def stands(self, db: Connection, store: Store) -> bool:
        """Whether the store is still as it was found; it may have to be read for that."""

    def apply(self, db: Connection) -> bool:
        """Do it, in a transaction beside which nobody writes, if there is need of it still.

        False where it does not stand any more as it was found, or a policy forbids it.
        """


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    kind: Kind
    what: str
    subject: str
    """The digest, tag, project or object concerned."""
    advice: str
    mend: Mend | None = None

    @property
    def damage(self) -> bool:
        """Whether a client would notice."""
        return self.kind is Kind.DAMAGE


def damaged(what: str, subject: str, advice: str, mend: Mend | None = None) -> Finding:
    """A finding that a client would notice."""
    return Finding(Kind.DAMAGE, what, subject, advice, mend)
