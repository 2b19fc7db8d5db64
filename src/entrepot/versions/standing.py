"""Where each manifest of a repository stands: in which channels, approved, superseded, bad.

It is read from what promotions wrote (`db.stays` and its kin); nothing here is kept by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from entrepot.db import channels
from entrepot.db.channels import Channel
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository

ROLLED_BACK = "rolled back"
SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Bad:
    """Who marked a version as bad, when (seconds since 1970) and why."""

    by: str
    at: float
    reason: str


@dataclass(slots=True)
class Standing:
    """Where a manifest stands."""

    channels: tuple[str, ...] = ()
    """Where it is now, in their order."""
    approved: bool = False
    """For a channel that it is not in."""
    testing: bool = False
    """In a channel, and in the last one not yet."""
    superseded: bool = False
    """In no channel any more, since a newer one came."""
    rolled_back: bool = False
    """In no channel any more, since one was rolled back from it."""
    kept: bool = False
    """Not there any more, and could be gone back to."""
    bad: Bad | None = None


def standings(db: Connection, number: int) -> Mapping[str, Standing]:
    """By digest, all that is known of a repository's manifests; of most, nothing is."""
    row = db.execute("select name from repository where id = ?", (number,)).fetchone()
    found: dict[str, Standing] = {}
    if row is None:
        return found
    known = channels.of(db, Repository(row[0]))
    _look_where(db, number, known, found)
    _look_back(db, number, found)
    _look_ahead(db, number, known, found)
    for digest, version in _bad(db, number):
        _at(found, digest).bad = version
    return found


def _at(found: dict[str, Standing], digest: str) -> Standing:
    return found.setdefault(digest, Standing())


def _look_where(
    db: Connection, number: int, known: tuple[Channel, ...], found: dict[str, Standing]
) -> None:
    """Which channels' tags point to what."""
    for channel in known:
        row = db.execute(
            "select digest from tag where repository = ? and name = ?", (number, channel.name)
        ).fetchone()
        if row is not None:
            standing = _at(found, row[0])
            standing.channels += (channel.name,)
            standing.testing = channel is not known[-1]


def _look_back(db: Connection, number: int, found: dict[str, Standing]) -> None:
    """How what is in no channel any more left the one where it was last."""
    rows = db.execute(
        "select digest, ended, kept from stay where repository = ? and until is not null "
        "order by id",
        (number,),
    )
    for digest, ended, kept in rows:
        standing = _at(found, digest)
        standing.kept = standing.kept or bool(kept)
        if not standing.channels:
            standing.superseded = ended == SUPERSEDED
            standing.rolled_back = ended == ROLLED_BACK


def _look_ahead(
    db: Connection, number: int, known: tuple[Channel, ...], found: dict[str, Standing]
) -> None:
    """What is approved for a channel that it is not in."""
    needs = {each.name: max(1, int(each.gates.get("approvals", 0))) for each in known}
    rows = db.execute(
        "select digest, channel, count(*) from approval where repository = ? "
        "group by digest, channel",
        (number,),
    )
    for digest, channel, count in rows:
        if channel in needs and count >= needs[channel]:
            standing = _at(found, digest)
            standing.approved = standing.approved or channel not in standing.channels


def _bad(db: Connection, number: int) -> Iterable[tuple[str, Bad]]:
    rows = db.execute(
        "select digest, actor, at, reason from bad_version where repository = ?", (number,)
    )
    return ((digest, Bad(*rest)) for digest, *rest in rows)
