"""Floating tags: 1, 1.4 and latest are moved by the registry itself as versions come and go.

Whatever may bring, move or take versions does so within `keeping`: what happened is read in the
log of changes, and the tags follow in the same transaction. A line's tag then points to the newest
version of that line. It says for which one it stands, so a new version is compared with that one,
and other tags are read only where that one is gone.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

from entrepot.db import (
    changes,
    channels,
    floating_rules,
    immutable,
    repositories,
    tags,
    version_notes,
)
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.floating_rules import Asked
from entrepot.db.repositories import EVERYTHING
from entrepot.db.trash import Place
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository, Tag
from entrepot.versions.lines import Line, lines, newest, reader, standings
from entrepot.versions.version import Version

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Move:
    """A tag that is to float, and to what."""

    tag: str
    version: str = ""
    """The version's tag; "" where none is left, and it stays as it is."""
    old: str = ""
    new: str = ""
    """Digests; "" for none."""
    held: str = ""
    """Why it is left alone; "" where it moves."""


def keeping(db: Connection, repository: Repository, act: Callable[[Connection], T], *, by: By) -> T:
    """Do something to a repository, and have what floats there follow. Raises what `act` raises."""
    rule = floating_rules.of(db, repository)
    if rule is None:
        return act(db)
    mark = changes.newest(db)
    done = act(db)
    names = changes.tags_since(db, mark, repository)
    number = repositories.identify(db, repository) if names else None
    if number is not None:
        floats = _Floats(db, (number, repository), rule.asked)
        moves = floats.everything() if "" in names else floats.after(names)
        floats.apply(moves, by)
    return done


def is_kept(db: Connection, repository: Repository, tag: str) -> bool:
    """Whether a tag floats, so that nobody but the registry moves it."""
    number = repositories.identify(db, repository)
    if number is None:
        return False
    stands = floating_rules.stands_for(db, number, tag)
    return floating_rules.keeper(db, repository, stands) is not None


def refresh(db: Connection, repository: Repository, *, by: By) -> list[Move]:
    """Have all that floats in a repository point to where it should; what does no longer float
    stays where it is. What was done, and what was held.
    """
    rule, number = floating_rules.of(db, repository), repositories.identify(db, repository)
    if number is None:
        return []
    floats = _Floats(db, (number, repository), rule.asked if rule else Asked())
    moves = floats.everything()
    floats.apply(moves, by)
    return _telling(moves)


def plan(db: Connection, repository: Repository, asked: Asked) -> list[Move]:
    """What `refresh` would do, if that were asked for."""
    number = repositories.identify(db, repository)
    if number is None:
        return []
    return _telling(_Floats(db, (number, repository), asked).everything())


def _telling(moves: list[Move]) -> list[Move]:
    return [move for move in moves if move.new and (move.held or move.old != move.new)]


class _Floats:
    """What floats in one repository, while a transaction lasts."""

    def __init__(self, db: Connection, place: Place, asked: Asked) -> None:
        self._db = db
        self._place = place
        self._asked = asked
        how = version_notes.reading(db, place[0])
        self._read = reader(how.scheme, how.variants)

    def everything(self) -> list[Move]:
        """Where all of it should point. Reads all tags."""
        found = dict(floating_rules.versions(self._db, self._place[0], EVERYTHING[0]))
        wanted = standings(found, self._asked, self._read)
        moves = [self._move(line, wanted[line], found[wanted[line].tag]) for line in wanted]
        over = set(floating_rules.floating(self._db, self._place[0])) - {each.tag for each in moves}
        return moves + [Move(tag) for tag in sorted(over)]

    def after(self, names: Collection[str]) -> list[Move]:
        """What has to move since these tags have come, moved or gone."""
        touched = [version for name in names if (version := self._read(name))]
        here = {each.tag: digest for each in touched if (digest := self._digest(each.tag))}
        moves = []
        for line in dict.fromkeys(line for each in touched for line in lines(each, self._asked)):
            came = [each for each in touched if each.tag in here and line.has(each)]
            moves += self._following(line, came, names)
        return moves

    def _following(self, line: Line, came: list[Version], names: Collection[str]) -> list[Move]:
        stood = self._stood(line)
        if stood is None and self._held(line.tag):
            return []
        if stood is not None and stood in came:
            version = max(came)
        elif stood is not None and stood.tag not in names and self._digest(stood.tag):
            version = max([*came, stood])
        else:
            found = newest(self._tags(line.reach), line, self._read)
            if found is None:
                return [Move(line.tag)]
            version = found
        return [self._move(line, version, self._digest(version.tag))]

    def _stood(self, line: Line) -> Version | None:
        """The version that a line's tag stands for."""
        tag = floating_rules.stands_for(self._db, self._place[0], line.tag)
        found = self._read(tag) if tag else None
        return found if found is not None and line.has(found) else None

    def _move(self, line: Line, version: Version, digest: str) -> Move:
        old = tags.digest_of(self._db, self._place[1], Tag(line.tag)) or ""
        held = "" if old == digest else self._held(line.tag)
        return Move(line.tag, version.tag, old, digest, held)

    def _held(self, tag: str) -> str:
        """Why a tag does not float; nor is it made then, since it would be stuck where it came."""
        if channels.has(self._db, self._place[1], tag):
            return "it is a channel, which only a promotion moves"
        rule = immutable.holds(self._db, self._place[1], tag)
        return f"it is immutable by {rule}" if rule else ""

    def _digest(self, tag: str) -> str:
        return floating_rules.digest_of(self._db, self._place[0], tag)

    def _tags(self, reach: tuple[str, str]) -> Iterable[str]:
        return (name for name, _ in floating_rules.versions(self._db, self._place[0], reach))

    def apply(self, moves: Iterable[Move], by: By) -> None:
        """Do it, and write down why."""
        for move in moves:
            if not move.new:
                tags.stand(self._db, self._place[0], move.tag, None)
            elif not move.held:
                tag, digest = Tag.parse(move.tag), Digest.parse(move.new)
                why, stands = f"floats with {move.version}", move.version
                tags.point(self._db, self._place, tag, digest, by=by, reason=why, floats=stands)
