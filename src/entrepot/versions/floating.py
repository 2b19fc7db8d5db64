"""Floating tags: 1, 1.4 and latest are moved by the registry itself as versions come and go.

Whatever may bring, move or take versions does so within `keeping`: what happened is read in the
log of changes, and the tags follow in the same transaction. A line's tag then points to the newest
version of that line. It says for which one it stands, so a new version is compared with that one,
and other tags are read only where that one is gone.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

from entrepot.db import changes, channels, floating_rules, immutable, repositories, tags
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.floating_rules import Asked, Rule
from entrepot.db.repositories import EVERYTHING
from entrepot.db.trash import Place
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository, Tag
from entrepot.versions.lines import Line, lines, newest, read, standings
from entrepot.versions.version import Version

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Move:
    """A tag that is to float, and to what."""

    tag: str
    version: str
    """The version's tag."""
    old: str | None
    new: str
    """Digests."""
    held: str = ""
    """Why it is left alone; "" where it moves."""


def keeping(db: Connection, repository: Repository, act: Callable[[Connection], T], *, by: By) -> T:
    """Do something to a repository, and have what floats there follow. Raises what `act` raises."""
    rule = floating_rules.of(db, repository)
    if rule is None:
        return act(db)
    mark = changes.newest(db)
    done = act(db)
    number = repositories.identify(db, repository)
    if number is not None and (names := changes.tags_since(db, mark, repository)):
        if "" in names:  # all of it came back
            refresh(db, repository, by=by)
        else:
            _apply(db, (number, repository), _followers(db, (number, repository), rule, names), by)
    return done


def is_kept(db: Connection, repository: Repository, tag: str) -> bool:
    """Whether a tag floats, so that nobody but the registry moves it."""
    number = repositories.identify(db, repository)
    if number is None or floating_rules.of(db, repository) is None:
        return False
    return tag in floating_rules.floating(db, number)


def refresh(db: Connection, repository: Repository, *, by: By) -> list[Move]:
    """Have all that floats in a repository point to where it should; what does no longer float
    stays where it is. What was done, and what was held.
    """
    rule, number = floating_rules.of(db, repository), repositories.identify(db, repository)
    if number is None:
        return []
    moves = _wanted(db, (number, repository), rule.asked) if rule else []
    for tag in set(floating_rules.floating(db, number)) - {move.tag for move in moves}:
        tags.stand(db, number, tag, None)
    _apply(db, (number, repository), moves, by)
    return _telling(moves)


def plan(db: Connection, repository: Repository, asked: Asked) -> list[Move]:
    """What `refresh` would do, if that were asked for."""
    number = repositories.identify(db, repository)
    return [] if number is None else _telling(_wanted(db, (number, repository), asked))


def _telling(moves: list[Move]) -> list[Move]:
    return [move for move in moves if move.held or move.old != move.new]


def _wanted(db: Connection, place: Place, asked: Asked) -> list[Move]:
    """Where all that floats in a repository should point. Reads all its tags."""
    found = dict(_between(db, place, EVERYTHING[0]))
    wanted = standings(found, asked)
    return [_move(db, place, line, wanted[line], found[wanted[line].tag]) for line in wanted]


def _followers(db: Connection, place: Place, rule: Rule, names: Collection[str]) -> Iterable[Move]:
    """What has to move since these tags have come, moved or gone."""
    touched = [version for name in names if (version := read(name))]
    here = {name: digest for name in names if (digest := _digest(db, place, name))}
    affected = {line: None for version in touched for line in lines(version, rule.asked)}
    for line in affected:
        came = [each for each in touched if each.tag in here and line.has(each)]
        version = _leading(db, place, line, came, names)
        if version is not None:
            digest = here.get(version.tag) or _digest(db, place, version.tag)
            assert digest is not None
            yield _move(db, place, line, version, digest)
        else:
            tags.stand(db, place[0], line.tag, None)


def _leading(
    db: Connection, place: Place, line: Line, came: list[Version], names: Collection[str]
) -> Version | None:
    """The newest version of a line; None where there is none."""
    row = db.execute(
        "select floats from tag where repository = ? and name = ?", (place[0], line.tag)
    ).fetchone()
    stood = read(row[0]) if row and row[0] else None
    if stood is not None and line.has(stood):
        if stood in came:
            return max(came)
        if stood.tag not in names and _digest(db, place, stood.tag):
            return max([*came, stood])
    return newest((name for name, _ in _between(db, place, line.reach)), line)


def _move(db: Connection, place: Place, line: Line, version: Version, digest: str) -> Move:
    old = _digest(db, place, line.tag)
    held = "" if old == digest else _held(db, place[1], line.tag)
    return Move(line.tag, version.tag, old, digest, held)


def _held(db: Connection, repository: Repository, tag: str) -> str:
    """Why a tag does not float; nor is it made then, since it would be stuck where it came."""
    if channels.has(db, repository, tag):
        return "it is a channel, which only a promotion moves"
    rule = immutable.holds(db, repository, tag)
    return f"it is immutable by {rule}" if rule else ""


def _apply(db: Connection, place: Place, moves: Iterable[Move], by: By) -> None:
    for move in moves:
        if not move.held:
            tag, digest = Tag.parse(move.tag), Digest.parse(move.new)
            why = f"floats with {move.version}"
            tags.point(db, place, tag, digest, by=by, reason=why, floats=move.version)


def _digest(db: Connection, place: Place, tag: str) -> str | None:
    row = db.execute(
        "select digest from tag where repository = ? and name = ?", (place[0], tag)
    ).fetchone()
    return row[0] if row else None


def _between(db: Connection, place: Place, reach: tuple[str, str]) -> list[tuple[str, str]]:
    return db.execute(
        "select name, digest from tag where repository = ? and name > ? and name < ?",
        (place[0], *reach),
    ).fetchall()
