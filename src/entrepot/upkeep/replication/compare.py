"""The compare: all that a rule means, at both ends; what differs is put in line. For threads.

It sees what the log of changes cannot say: what was lost or changed at the other end, and, for a
rule that pulls, anything at all. What is broken there holds up nothing that comes behind it.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from entrepot.auth import pattern
from entrepot.db import quarantine, replication_tags, repositories
from entrepot.db.connection import Connection
from entrepot.db.replication_tags import Entry, Item, State
from entrepot.db.replications import Direction
from entrepot.oci.names import Repository
from entrepot.upkeep.replication import pull, push
from entrepot.upkeep.replication.line import PART, is_ours
from entrepot.upkeep.replication.pace import StoppedError
from entrepot.upkeep.replication.way import Way, why
from entrepot.upstream.place import BrokenError, UnknownError, UpstreamError

_PAGE = 1000
_AT_ONCE = 4
_PATIENCE = 4
"""Failures in a row after which the other registry counts as away."""


@dataclass(frozen=True, slots=True)
class Found:
    """Some of what differs in a repository."""

    entries: list[Entry]
    trouble: str = ""
    """Why some could not be compared; "" where all could."""
    again: bool = False
    """Whether that may be otherwise when it is tried again."""


class _Patience:
    """With a registry that breaks off: so often in a row that it counts as away."""

    def __init__(self) -> None:
        self._left = _PATIENCE

    def went_on(self) -> None:
        self._left = _PATIENCE

    def trouble(self, what: str, error: UpstreamError) -> Found:
        """What is not compared. Raises `BrokenError` where nothing more is to be."""
        if isinstance(error, BrokenError):
            self._left -= 1
            if error.wait or self._left <= 0:
                raise error
        said = f"{what} was not compared: {why(error)}"
        return Found([], said, isinstance(error, BrokenError))


def compare(way: Way, *, deep: bool) -> Iterator[Found]:
    """All that differs. A `deep` one looks also for what came to refer to images that stayed the
    same; each does so for images that were copied of late. Raises `BrokenError`.
    """
    pool, patience = ThreadPoolExecutor(_AT_ONCE, "entrepot-compare"), _Patience()
    try:
        for repository in _repositories(way):
            try:
                yield from _repository(way, pool, patience, repository, deep=deep)
            except StoppedError:
                raise
            except UpstreamError as error:
                yield patience.trouble(repository, error)
    finally:
        pool.shutdown(cancel_futures=True)


def _repository(
    way: Way, pool: ThreadPoolExecutor, patience: _Patience, repository: str, *, deep: bool
) -> Iterator[Found]:
    """Some tags after the other: what differs is copied while the rest is looked at."""
    names = _names(way, repository)
    if names is None:
        return
    known = _known(way, repository)
    if way.rule.direction is Direction.PUSH:
        differs = push.differs
    else:
        damaged = way.here.local.read(quarantine.damaged) > 0
        seen = way.see(repository, names)
        differs = partial(pull.differs, seen=seen, deep=deep, damaged=damaged)
    tags = [tag for tag in names if way.wanted.tag(tag)]
    for start in range(0, len(tags), PART):
        if way.pace.stop.is_set():
            raise StoppedError("it was stopped, and goes on later")
        some = tags[start : start + PART]
        asked = {tag: pool.submit(differs, way, repository, tag, known.get(tag)) for tag in some}
        yield from _differing(repository, asked, patience)
    gone = known.keys() - set(tags)
    waits = State.WAITING
    yield Found([(repository, tag, True) for tag in gone if known[tag].state is not waits])


def _differing(
    repository: str, asked: Mapping[str, Future[bool]], patience: _Patience
) -> Iterator[Found]:
    """The tags that differ; one that cannot be compared holds up no other."""
    found = list[Entry]()
    for tag, each in asked.items():
        try:
            found += [(repository, tag, False)] if each.result() else []
            patience.went_on()
        except StoppedError:
            raise
        except UpstreamError as error:
            yield patience.trouble(f"{repository}:{tag}", error)
    yield Found(found)


def _known(way: Way, repository: str) -> dict[str, Item]:
    def query(db: Connection) -> dict[str, Item]:
        return replication_tags.of(db, way.rule.name, repository)

    return way.here.local.read(query)


def _names(way: Way, repository: str) -> list[str] | None:
    """All tags at the source; None where the other registry knows no such repository: whoever lost
    all that it had must not have it deleted here, too.
    """
    if way.rule.direction is Direction.PUSH:
        return way.mine(repository).tags()
    try:
        return way.far.repository(way.name_there(repository)).tags()
    except UnknownError:
        return None


def _repositories(way: Way) -> Iterator[str]:
    """By their names here; also those that only were there once."""
    seen = set[str]()
    names = _ours(way) if way.rule.direction is Direction.PUSH else _theirs(way)
    for name in names:
        seen.add(name)
        yield name
    before = way.here.local.read(lambda db: replication_tags.repositories(db, way.rule.name))
    yield from (name for name in before if name not in seen)


def _ours(way: Way) -> Iterator[str]:
    ranges, after = pattern.ranges([way.rule.pattern]), ""
    while names := way.here.local.read(partial(_page, ranges=ranges, after=after)):
        yield from (name for name, ours in names if ours and way.wanted.repository(name))
        after = names[-1][0]


def _page(db: Connection, ranges: Sequence[tuple[str, str]], after: str) -> list[tuple[str, bool]]:
    names = repositories.catalog(db, ranges, after, _PAGE)
    ours = {name.partition("/")[0]: is_ours(db, name) for name in names}
    return [(name, ours[name.partition("/")[0]]) for name in names]


def _theirs(way: Way) -> Iterator[str]:
    """A pattern that means one repository needs no catalogue, which many registries lack."""
    one = not way.rule.pattern.endswith(pattern.ANY)
    names = [way.rule.pattern] if one else way.far.catalogue()
    for name in filter(way.wanted.repository, names):
        found: Repository | None = way.wanted.at_target(name)
        if found is not None:
            yield found.name
