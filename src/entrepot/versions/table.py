"""A page of the table of versions: what each is, where it stands, what is planned.

The order lies ready in the catalogue; what belongs to single versions is asked for the page alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import dropwhile, islice

from entrepot.db import running, version_notes
from entrepot.db.connection import Connection
from entrepot.db.running import Running
from entrepot.db.version_notes import Kind, Note
from entrepot.oci.names import Repository
from entrepot.signatures import valid
from entrepot.versions.catalogue import Catalogue, Image
from entrepot.versions.order import Entry, Order, pushed, rank
from entrepot.versions.ranges import Range
from entrepot.versions.reading import read
from entrepot.versions.standing import Standing, standings
from entrepot.versions.state import NOWHERE, State, state_of, where

Place = tuple[int, Repository]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which versions to list."""

    range: Range | None = None
    variant: str | None = None
    """A pattern; "" for those without one, None for all."""
    prereleases: bool | None = None
    """None: those that the range means, or all where there is none."""
    state: State | None = None
    by_push: bool = False
    """What was pushed last comes first, not what is newest."""
    after: Entry | None = None
    """Go on behind this one."""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A version, and what is known of it."""

    entry: Entry
    image: Image
    pushed_at: float
    pushed_by: str
    state: State
    where: tuple[str, ...]
    standing: Standing
    signers: tuple[str, ...]
    description: Note | None
    """As somebody wrote it, by hand."""
    plan: Note | None
    also: tuple[str, ...]
    """Other tags of the same image that are no versions: floating names, channels."""


class CursorError(ValueError):
    """What a page was to go on behind is not readable."""


def cursor(entry: Entry) -> str:
    """What to go on behind, as text."""
    return f"{entry.pushed_at!r},{entry.version.tag}"


def read_cursor(text: str, order: Order) -> Entry:
    """The entry that a cursor means, be it there still or not. Raises `CursorError`."""
    at, _, tag = text.partition(",")
    version = read(tag, order.scheme, order.variants)
    try:
        moment = float(at)
    except ValueError:
        raise CursorError(text) from None
    if version is None:
        raise CursorError(text)
    return Entry(version, "", moment)


def page(
    db: Connection, catalogue: Catalogue, repository: Repository, order: Order, wanted: Wanted
) -> list[Row]:
    """The rows that are wanted, in their order."""
    place = (order.number, repository)
    stand, runs = standings(db, order.number), running.look(db, place)
    entries = (
        entry
        for entry in _behind(order, wanted)
        if _is_wanted(entry, wanted)
        and wanted.state in (None, state_of(stand.get(entry.digest, NOWHERE), _of(runs, entry)))
    )
    chosen = list(islice(entries, wanted.limit))
    return list(_rows(db, catalogue, (place, order), chosen, (stand, runs))) if chosen else []


def _of(runs: Running, entry: Entry) -> running.Uses:
    known = entry.digest in runs.digests or entry.version.tag in runs.tags
    return runs.of_tag(entry.version.tag, entry.digest) if known else ()


def _behind(order: Order, wanted: Wanted) -> Iterator[Entry]:
    entries = order.by_push if wanted.by_push else order.entries
    if wanted.after is None:
        return iter(entries)
    key = pushed if wanted.by_push else rank
    last = key(wanted.after)
    return dropwhile(lambda entry: key(entry) >= last, entries)


def _is_wanted(entry: Entry, wanted: Wanted) -> bool:
    version = entry.version
    if wanted.prereleases is False and version.is_prerelease:
        return False
    if wanted.variant is not None and not fnmatchcase(version.variant, wanted.variant):
        return False
    return wanted.range is None or wanted.range.holds(version, prereleases=bool(wanted.prereleases))


def _rows(
    db: Connection,
    catalogue: Catalogue,
    whose: tuple[Place, Order],
    chosen: Sequence[Entry],
    known: tuple[Mapping[str, Standing], Running],
) -> Iterator[Row]:
    (place, order), (stand, runs) = whose, known
    pairs = [(entry.version.tag, entry.digest) for entry in chosen]
    said = catalogue.images(db, place, [digest for _, digest in pairs])
    notes = version_notes.of(db, place[0], [tag for tag, _ in pairs])
    pushes = version_notes.first_pushed(db, place[1], pairs)
    signed = bool(valid.signing_for(db, place[1]))
    for entry, pair in zip(chosen, pairs, strict=True):
        by, at = pushes.get(pair, ("", entry.pushed_at))
        standing, uses = stand.get(entry.digest, NOWHERE), _of(runs, entry)
        yield Row(
            entry,
            said[entry.digest],
            at,
            by,
            state_of(standing, uses),
            where(standing, uses),
            standing,
            tuple(sorted(valid.signers(db, place, entry.digest))) if signed else (),
            notes.get((*pair, Kind.DESCRIPTION)),
            notes.get((*pair, Kind.PLAN)),
            tuple(order.named.get(entry.digest, ())),
        )
