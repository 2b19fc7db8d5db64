"""Who holds a role: by a grant of that role or of one that may do all that it may.

What someone may do is `decision`'s; this is for where a role itself is asked for, such as that of
whoever approves.
"""

from collections.abc import Sequence

from entrepot.auth import pattern
from entrepot.auth.actor import Actor
from entrepot.auth.roles import ACTIONS, Role
from entrepot.db import accounts, grants, groups
from entrepot.db.accounts import Kind
from entrepot.db.connection import Connection
from entrepot.db.grants import Grant
from entrepot.oci.names import Repository


def covering(role: Role) -> list[Role]:
    """The roles that may do all that this one may, itself included."""
    return [each for each in Role if ACTIONS[each] >= ACTIONS[role]]


def holds_role(actor: Actor, role: Role, found: Sequence[Grant], repository: Repository) -> bool:
    """Whether an actor has a role on a repository by these grants, and by what its token gives."""
    enough = covering(role)
    limits = actor.limits if actor.limits is not None else ((role, pattern.ANY),)
    return any(
        grant.role in enough and pattern.covers(grant.pattern, repository.name) for grant in found
    ) and any(held in enough and pattern.covers(where, repository.name) for held, where in limits)


def person_holds(db: Connection, subject: str, role: Role, repository: Repository) -> str:
    """Why an account is no person who has a role on a repository now; "" where it is one."""
    kind, _, name = subject.partition(":")
    account = accounts.find(db, Kind.USER, name) if kind == Kind.USER else None
    if account is None:
        return "it is not of a person who is here"
    if account.disabled:
        return "the account is disabled"
    subjects = [subject, *(f"group:{each}" for each in groups.of_account(db, account.id))]
    wanted = [each.value for each in covering(role)]
    if not grants.held(db, subjects, wanted, pattern.meaning(repository.name)):
        return f"they are not {role} on {repository}"
    return ""
