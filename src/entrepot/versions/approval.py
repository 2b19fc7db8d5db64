"""Approval: someone who holds the role says that this very digest may come into a channel.

Whoever cannot be counted is told at once. What counts is looked at again when it is promoted: who
has lost the role since, or has pushed the version, counts no more (`gathering`).
"""

from entrepot.auth.held import holds_role
from entrepot.db import approvals, audit
from entrepot.db.accounts import Kind
from entrepot.db.approvals import Approval
from entrepot.db.audit import By, Event
from entrepot.db.connection import Connection
from entrepot.db.stays import Candidate
from entrepot.versions.checks import Check
from entrepot.versions.errors import RefusedError, UnknownError
from entrepot.versions.gathering import Promoter, Target, target
from entrepot.versions.promotion import Wanted, find, version_of

APPROVED, WITHDRAWN = "version approved", "approval withdrawn"
"""Actions in the audit."""


def approve(db: Connection, wanted: Wanted, who: Promoter, by: By) -> Approval:
    """Approve a version for a channel, with the reason as a comment. Raises `UnknownError` and
    `RefusedError`.
    """
    where = target(db, find(db, wanted.repository), wanted.channel)
    came = version_of(db, where.place, wanted.version)
    if refusals := _objections(db, where, came, who):
        raise RefusedError(f"{came.version} is not approved", refusals)
    approval = Approval(came.digest, wanted.channel, by.actor, wanted.reason)
    made = approvals.add(db, where.place[0], approval)
    audit.append(db, _event(APPROVED, wanted, came, by))
    return made


def withdraw(db: Connection, wanted: Wanted, by: By) -> None:
    """Take one's own approval back. Raises `UnknownError` where there is none."""
    place = find(db, wanted.repository)
    came = version_of(db, place, wanted.version)
    if not approvals.withdraw(db, place[0], came.digest, wanted.channel, by.actor):
        raise UnknownError(
            f"{by.actor} has not approved {wanted.repository}:{came.version} for {wanted.channel}"
        )
    audit.append(db, _event(WITHDRAWN, wanted, came, by))


def _event(what: str, wanted: Wanted, came: Candidate, by: By) -> Event:
    detail = {"channel": wanted.channel}
    if wanted.reason:
        detail["comment"] = wanted.reason
    return Event(what, by, wanted.repository.name, came.version, came.digest, detail=detail)


def _objections(db: Connection, where: Target, came: Candidate, who: Promoter) -> list[Check]:
    repository, actor, role = where.place[1], who.actor, where.gates.approver_role
    found = []
    if not actor.subject.startswith(f"{Kind.USER}:"):
        says = f"{actor} is no person"
        found.append(Check("person", False, says, "have someone approve who logs in as a user"))
    if not holds_role(actor, role, who.grants, repository):
        says = f"{actor} is not {role} here"
        how = f"ask one, or an owner: entrepot grant add {actor} {role} {repository}"
        found.append(Check("role", False, says, how))
    if actor.subject in approvals.pushers(db, repository.name, came.digest, came.version):
        says = f"{actor} pushed {came.version} themselves"
        found.append(Check("pusher", False, says, "have someone else approve it"))
    return found
