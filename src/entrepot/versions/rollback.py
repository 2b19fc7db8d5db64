"""Rollback: a channel goes back to the last good version, and what it leaves is bad from then on.

One transaction, as of a promotion. The gates are not asked, but for the role: the way back must be
open in a freeze, at night, and without anybody else. What was in the channel had passed them.
"""

from dataclasses import dataclass

from entrepot.auth.held import holds_role
from entrepot.db import stays
from entrepot.db.audit import By
from entrepot.db.changes import Kind
from entrepot.db.connection import Connection
from entrepot.db.stays import Candidate, Stay
from entrepot.oci.names import Repository
from entrepot.versions import bad
from entrepot.versions.checks import Check
from entrepot.versions.errors import RefusedError, UnknownError
from entrepot.versions.gathering import Promoter, Target, target
from entrepot.versions.promotion import ANYTHING, check_seen, find, move, version_of

_ALL = 200


@dataclass(frozen=True, slots=True)
class Back:
    """Which channel is to go back, and to what."""

    repository: Repository
    channel: str
    to: str = ""
    """A version that was in the channel; "" for the last good one."""
    reason: str = ""
    seen: str | None = ANYTHING
    """The digest that the caller has seen there."""


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What is in the channel now, and what was, which is bad now."""

    stay: Stay
    left: Stay


def roll_back(db: Connection, wanted: Back, promoter: Promoter, by: By) -> RolledBack:
    """Go back; call it in a transaction. Raises `UnknownError`, `MovedError` and `RefusedError`."""
    place = find(db, wanted.repository)
    where = target(db, place, wanted.channel)
    _check_role(where, promoter)
    left = stays.current(db, place[0], wanted.channel)
    check_seen(where, left, wanted.seen)
    if left is None:
        raise UnknownError(f"nothing is in {where.name}, so there is no way back")
    goal = _goal(db, where, wanted.to)
    bad.mark(db, place, Candidate(left.version, left.digest), by, reason=wanted.reason)
    to = Candidate(goal.version, goal.digest)
    stay = move(db, where, to, by, kind=Kind.ROLLED_BACK, reason=wanted.reason)
    return RolledBack(stay, left)


def _check_role(where: Target, promoter: Promoter) -> None:
    role, repository = where.gates.role, where.place[1]
    if holds_role(promoter.actor, role, promoter.grants, repository):
        return
    says = f"{promoter.actor} is not {role} here"
    how = f"ask one, or an owner: entrepot grant add {promoter.actor} {role} {repository}"
    raise RefusedError(f"{where.name} is not rolled back", [Check("role", False, says, how)])


def _goal(db: Connection, where: Target, to: str) -> Stay:
    """Where to go back to: the newest earlier one that is good, or the one that is named."""
    good = stays.earlier(db, where.place[0], where.channel.name, _ALL)
    if to:
        digest = version_of(db, where.place, to).digest
        good = [each for each in good if each.digest == digest]
    if good:
        return good[0]
    if to:
        raise UnknownError(
            f"{to} was not in {where.name} before, or is bad: see entrepot channel history "
            f"{where.place[1]}"
        )
    raise UnknownError(
        f"no earlier version of {where.name} is good and still here: promote one that is"
    )
