"""Promotion: a version comes into a channel, all of it in one transaction, or nothing.

The gates are asked in that transaction, by facts gathered in it; and writes come one after the
other. So of two at once the later one sees what the earlier one did, and is told.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from entrepot.db import channels, repositories, stays, tags
from entrepot.db.audit import By
from entrepot.db.changes import Kind
from entrepot.db.connection import Connection
from entrepot.db.stays import Candidate, Ended, Stay
from entrepot.db.trash import Place
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository, Tag, parse_reference
from entrepot.versions.checks import Check, checks
from entrepot.versions.errors import MovedError, RefusedError, UnknownError
from entrepot.versions.gathering import Promoter, Target, gather, target
from entrepot.versions.reading import Scheme, read

ANYTHING = "*"
"""Stands for whatever is in the channel."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to come into a channel."""

    repository: Repository
    version: str
    """A tag, a digest, or another channel."""
    channel: str
    reason: str = ""
    seen: str | None = ANYTHING
    """The digest that the caller has seen there; None for nothing."""


@dataclass(frozen=True, slots=True)
class Promoted:
    """What is in the channel now, and what was before."""

    stay: Stay
    before: Stay | None
    moved: bool
    """False where it was there already."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """How a version stands before a channel."""

    candidate: Candidate
    occupant: Stay | None
    checks: tuple[Check, ...]


def find(db: Connection, repository: Repository) -> Place:
    """The row of a repository. Raises `UnknownError`."""
    number = repositories.identify(db, repository)
    if number is None:
        raise UnknownError(f"there is no repository {repository}, or you may not see it")
    return number, repository


def version_of(db: Connection, place: Place, text: str) -> Candidate:
    """What a tag, a digest or a channel means. Raises `UnknownError`."""
    number, repository = place
    if there := stays.current(db, number, text):
        return Candidate(there.version, there.digest)
    try:
        named = parse_reference(text)
    except OCIError as error:
        raise UnknownError(error.message) from None
    digest = str(named) if isinstance(named, Digest) else tags.digest_of(db, repository, named)
    row = db.execute(
        "select 1 from manifest where repository = ? and digest = ?", (number, digest)
    ).fetchone()
    if digest is None or row is None:
        raise UnknownError(f"there is no {text} in {repository}")
    name = _name_of(db, place, digest) if isinstance(named, Digest) else text
    return Candidate(name, digest)


def _name_of(db: Connection, place: Place, digest: str) -> str:
    """The tag by which a digest is known best: one that is a version, and no channel."""
    rows = db.execute(
        "select name from tag where repository = ? and digest = ?", (place[0], digest)
    ).fetchall()
    known = {each.name for each in channels.of(db, place[1])}
    names = [name for (name,) in rows if name not in known]
    return min(names, key=lambda name: (read(name, Scheme.SEMVER) is None, name), default=digest)


def look(db: Connection, wanted: Wanted, by: Promoter) -> Prospect:
    """How a version stands at each gate of a channel; changes nothing."""
    return _stands(db, target(db, find(db, wanted.repository), wanted.channel), wanted, by)


def _stands(db: Connection, where: Target, wanted: Wanted, by: Promoter) -> Prospect:
    candidate = version_of(db, where.place, wanted.version)
    facts = gather(db, where, candidate, by)
    return Prospect(candidate, facts.occupant, tuple(checks(facts, where.gates)))


def promote(db: Connection, wanted: Wanted, promoter: Promoter, by: By) -> Promoted:
    """Promote a version; call it in a transaction. Raises `UnknownError`, `MovedError` and
    `RefusedError`.
    """
    where = target(db, find(db, wanted.repository), wanted.channel)
    found = _stands(db, where, wanted, promoter)
    there, candidate = found.occupant, found.candidate
    if there is not None and there.digest == candidate.digest:
        return Promoted(there, there, moved=False)
    check_seen(where, there, wanted.seen)
    if refusals := [each for each in found.checks if not each.passed]:
        raise RefusedError(f"{candidate.version} cannot come into {where.name}", refusals)
    stay = move(db, where, candidate, by, kind=Kind.PROMOTED, reason=wanted.reason)
    return Promoted(stay, there, moved=True)


def check_seen(where: Target, there: Stay | None, seen: str | None) -> None:
    """Raise `MovedError` where somebody has moved the channel since the caller looked."""
    if seen in (ANYTHING, there.digest if there else None):
        return
    what = "it is empty now"
    if there is not None:
        who = there.actor or "a push"
        what = f"{who} brought {there.version} at {_moment(there.since)}"
    raise MovedError(f"{where.name} was moved meanwhile: {what}; look again, then decide", there)


def move(db: Connection, where: Target, to: Candidate, by: By, *, kind: Kind, reason: str) -> Stay:
    """Point a channel's tag to a version, whose stay begins as the one before ends."""
    number, channel = where.place[0], where.channel
    tag, digest = Tag.parse(channel.name), Digest.parse(to.digest)
    said = replace(by, detail={**by.detail, "version": to.version})
    why = Ended.ROLLED_BACK if kind is Kind.ROLLED_BACK else Ended.SUPERSEDED
    stays.end(db, number, channel.name, why)
    tags.point(db, where.place, tag, digest, promoting=True, kind=kind, by=said, reason=reason)
    found = stays.begin(db, number, channel.name, to, by.actor, reason=reason)
    stays.weigh(db, number, channel)
    return found


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
