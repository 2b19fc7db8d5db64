"""May they: one pure function decides, and says which grant or policy said yes or no.

Policies come first and hold for everybody, admins too; then a public project; then grants. What
nothing allows is denied.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.auth import pattern
from entrepot.auth.actor import Actor
from entrepot.auth.roles import ACTIONS, CHANGING, FILLING, REPOSITORY, Action, Role
from entrepot.db.grants import Grant
from entrepot.db.projects import Project
from entrepot.oci.names import Repository


@dataclass(frozen=True, slots=True)
class Visit:
    """How someone came: the address, and whether with a client certificate."""

    address: str = ""
    certificate: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, and why in words."""

    allowed: bool
    reason: str
    grant: int | None = None
    """The grant that said yes."""
    creates: bool = False
    """Whether the project has to be made first, which they may."""
    owns: bool = False
    """Whether it is theirs then."""

    def __bool__(self) -> bool:
        return self.allowed


def decide(
    actor: Actor,
    action: Action,
    repository: Repository,
    *,
    project: Project | None,
    grants: Sequence[Grant],
    visit: Visit | None,
) -> Decision:
    """Whether the actor may, by its grants. Without a `visit`, where they come from is left out."""
    if project and (reason := objection(actor, action, project, visit)):
        return Decision(False, reason)
    if project and project.public and action is Action.PULL:
        return Decision(True, f"project {project.name} is public")
    if actor.limits is not None and not _within(actor, action, repository):
        return Decision(False, f"{actor.via} is limited to {_words(actor.limits)}")
    for grant in grants:
        if action in ACTIONS[Role(grant.role)] and pattern.covers(grant.pattern, repository.name):
            creates = project is None and action is Action.PUSH
            return Decision(True, str(grant), grant.id, creates)
    if project is None and action in REPOSITORY:
        return _first_push(grants, actor, action, repository)
    return Decision(False, _nothing_allows(actor, action, repository, grants))


def _first_push(
    grants: Sequence[Grant], actor: Actor, action: Action, repository: Repository
) -> Decision:
    """A project that is not there belongs to whoever makes it by the first push."""
    for grant in grants:
        if Action.CREATE in ACTIONS[Role(grant.role)]:
            name = pattern.project(repository)
            reason = f"{grant}, and no project {name} is here yet"
            return Decision(True, reason, grant.id, creates=action is Action.PUSH, owns=True)
    return Decision(False, _nothing_allows(actor, action, repository, grants))


def objection(actor: Actor, action: Action, project: Project, visit: Visit | None) -> str:
    """Which policy of the project refuses, whoever it is; "" for none."""
    if (project.read_only and action in CHANGING) or (project.upstream and action in FILLING):
        return closed(project)
    if project.longest is not None and actor.life is not None and actor.life > project.longest:
        return f"project {project.name} takes no token that lives over {project.longest:.0f} s"
    if visit is None:
        return ""
    if project.certificate and not visit.certificate:
        return f"project {project.name} requires a client certificate"
    if project.networks and not _inside(visit.address, project.networks):
        return f"project {project.name} is closed to the address {visit.address or 'unknown'}"
    return ""


def closed(project: Project) -> str:
    """Why nobody writes to a project, whoever it is; "" where some may."""
    if not project.upstream:
        return f"project {project.name} is read-only" if project.read_only else ""
    return (
        f"project {project.name} stands for {project.upstream} and is filled by pulls alone: "
        "push to another project"
    )


def _inside(address: str, networks: Sequence[str]) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in ipaddress.ip_network(network) for network in networks)


def _within(actor: Actor, action: Action, repository: Repository) -> bool:
    return any(
        action in ACTIONS[Role(role)] and pattern.covers(where, repository.name)
        for role, where in actor.limits or ()
    )


def _words(limits: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{role} on {where}" for role, where in limits) or "nothing"


def _nothing_allows(
    actor: Actor, action: Action, repository: Repository, grants: Sequence[Grant]
) -> str:
    near = [str(each) for each in grants if pattern.covers(each.pattern, repository.name)]
    has = f" (it has {'; '.join(near[:5])})" if near else ""
    return f"no grant lets {actor} {action} on {repository}{has}"


def holds(actor: Actor, action: Action, grants: Sequence[Grant], where: str = pattern.ANY) -> bool:
    """Whether the actor may on all that a pattern means: the registry as a whole, or a part."""

    def allows(role: str, outer: str) -> bool:
        return action in ACTIONS[Role(role)] and pattern.contains(outer, where)

    if actor.limits is not None and not any(allows(*limit) for limit in actor.limits):
        return False
    return any(allows(grant.role, grant.pattern) for grant in grants)
