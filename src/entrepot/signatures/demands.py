"""Demands: what of a project is pulled only where it is signed, and whether something is.

All demands that mean a repository hold. Each is met by a good signature of one of those it names:
of the digest itself, or of an index above it, which names the digest in what was signed. Whom it
names and nobody knows any more signs nothing: a demand without signers lets nothing through.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from entrepot.auth import pattern
from entrepot.db import edges
from entrepot.db.connection import Connection
from entrepot.db.signers import Demand
from entrepot.oci.names import Reference, Repository
from entrepot.signatures.attached import is_attached
from entrepot.signatures.valid import Place, judged

_MOST_ABOVE = 100
"""Indexes above an image that are looked at, the newest first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether something may be pulled by whoever may pull."""

    unmet: Demand | None
    """What it lacks; None where it lacks nothing."""
    until: float
    """Seconds since 1970, how long that is so, by the ends of certificates."""


def applying(demands: Sequence[Demand], repository: Repository) -> list[Demand]:
    """Those that mean a repository."""
    return [each for each in demands if pattern.covers(each.pattern, repository.name)]


def answer(
    db: Connection, place: Place, reference: Reference, digest: str, demands: Sequence[Demand]
) -> Answer:
    """What the demands on a repository say of a digest, asked for by a reference."""
    until = _signed_until(db, place, digest, demands)
    unmet = next((each for each in demands if each not in until), None)
    if unmet is not None and is_attached(db, place[1], reference, digest):
        unmet = None
    return Answer(unmet, min(until.values(), default=float("inf")))


def _signed_until(
    db: Connection, place: Place, digest: str, demands: Sequence[Demand]
) -> dict[Demand, float]:
    """The demands that are met, and how long they are."""
    met: dict[Demand, float] = {}
    for each in (digest, *above(db, place, digest)):
        ends = _ends(db, place, each)
        for demand in demands:
            found = [ends[name] for name in demand.signers if name in ends]
            if found:
                met[demand] = max(*found, met.get(demand, 0))
        if len(met) == len(demands):
            break
    return met


def _ends(db: Connection, place: Place, digest: str) -> dict[str, float]:
    """Until when the signatures of a digest are good, by signer."""
    ends: dict[str, float] = {}
    for each in judged(db, place, digest):
        if not each.why():
            ends[each.signer] = max(ends.get(each.signer, 0), each.verdict.until)
    return ends


def above(db: Connection, place: Place, digest: str) -> Iterator[str]:
    """Indexes of the repository that list a digest, or others that do; the nearest first."""
    seen, row = {digest}, [digest]
    while row:
        row = [each for below in row for each in edges.above(db, place[0], below, _MOST_ABOVE)]
        row = [each for each in dict.fromkeys(row) if each not in seen][:_MOST_ABOVE]
        seen.update(row)
        yield from row
        if len(seen) > _MOST_ABOVE:
            return
