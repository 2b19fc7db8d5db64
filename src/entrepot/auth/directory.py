"""`Directory`: what the database says of accounts, grants and projects, kept at hand.

A cache in each process, cleared whenever the log says that access changed (`db.changes`); it is no
authority. What was read while something changed is answered, and not kept.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from entrepot.auth import pattern
from entrepot.auth.actor import Actor
from entrepot.auth.decision import Decision, Visit, decide, holds
from entrepot.auth.granted import Granted
from entrepot.auth.roles import ACTIONS, Action, Role
from entrepot.db import (
    certificates,
    grants,
    groups,
    issuers,
    keys,
    moving,
    projects,
    signers,
    upstreams,
)
from entrepot.db.certificates import Rule
from entrepot.db.changes import Kind
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.issuers import Issuer, Trust
from entrepot.db.keys import SigningKey
from entrepot.db.log import EVERYTHING
from entrepot.db.projects import Project
from entrepot.db.signers import Demand
from entrepot.db.upstreams import Upstream
from entrepot.oci.names import Repository

T = TypeVar("T")

_MOST = 50_000
"""Answers kept at once."""


class Directory:
    """Answers about who may do what."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[object, object] = {}
        self.renewed = 0
        """Counts how often all of it was forgotten; whoever keeps more compares."""
        database.log.subscribe(self._changed)

    def _changed(self, kind: str, _repository: str) -> None:
        if kind in (Kind.ACCESS, EVERYTHING):
            self._known.clear()
            self.renewed += 1

    def follow(self) -> None:
        """Forget what has changed since the last time; costs 0.1 µs where nothing has."""
        self._database.log.follow()

    @property
    def current(self) -> bool:
        """Whether changes are heard of, so that something may be kept."""
        return self._database.log.current

    async def _get(self, key: object, read: Callable[[], Awaitable[T]]) -> T:
        self.follow()
        if key in self._known:
            return self._known[key]  # type: ignore[return-value]
        before = self.renewed
        found = await read()
        if self.current and self.renewed == before:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[key] = found
        return found

    async def _ask(self, key: object, query: Callable[[Connection], T]) -> T:
        return await self._get(key, lambda: self._database.read(query))

    async def granted(self, actor: Actor) -> Granted:
        """The grants of an actor and of its groups."""
        key = ("grants", actor.subjects)
        return await self._ask(key, lambda db: Granted(grants.of_subjects(db, actor.subjects)))

    async def groups(self, account: int) -> list[str]:
        """An account's groups."""
        return await self._ask(("groups", account), lambda db: groups.of_account(db, account))

    async def project(self, repository: Repository) -> Project | None:
        """The project of a repository, None where nobody made it yet."""
        name = pattern.project(repository)
        return await self._ask(("project", name), lambda db: projects.find(db, name))

    async def upstream(self, repository: Repository) -> Upstream | None:
        """What the project of a repository stands for; None for an ordinary one."""
        name = pattern.project(repository)
        return await self._ask(("upstream", name), lambda db: upstreams.find(db, name))

    async def hosts(self) -> dict[str, str]:
        """By names of other registries, the projects that stand for them."""
        return await self._ask("hosts", upstreams.hosts)

    async def demands(self, repository: Repository) -> list[Demand]:
        """What the project of a repository demands to be signed, of any of its repositories."""
        name = pattern.project(repository)
        return await self._ask(("demands", name), lambda db: signers.demands(db, name))

    async def public(self) -> list[str]:
        """The names of public projects."""
        return await self._ask("public", projects.public)

    async def issuers(self) -> dict[str, Issuer]:
        """By address, the issuers whose tokens workloads may bring."""
        return await self._ask(
            "issuers", lambda db: {issuer.url: issuer for issuer in issuers.issuers(db)}
        )

    async def trusts(self) -> list[Trust]:
        """The rules that say whom such a token means."""
        return await self._ask("trusts", issuers.trusts)

    async def certificate_rules(self) -> list[Rule]:
        """The rules that say whom a client certificate means."""
        return await self._ask("certificates", certificates.rules)

    async def keys(self) -> list[SigningKey]:
        """The keys that sign and verify registry tokens, the newest first."""
        return await self._ask("keys", keys.every)

    async def check_thawed(self) -> None:
        """Raise UNAVAILABLE where the registry is being moved, and takes no changes."""
        if await self._ask("frozen", moving.frozen) is not None:
            raise moving.FrozenError

    async def decide(
        self, actor: Actor, action: Action, repository: Repository, visit: Visit | None
    ) -> Decision:
        """Whether the actor may, by policies and grants, and why."""
        return decide(
            actor,
            action,
            repository,
            project=await self.project(repository),
            grants=(await self.granted(actor)).on(repository.name),
            visit=visit,
        )

    async def sees(self, actor: Actor, repository: Repository) -> bool:
        """Whether the actor may know of it: might pull, were there no policies."""
        project = await self.project(repository)
        bare = project and Project(project.name, project.public)
        found = (await self.granted(actor)).on(repository.name)
        return bool(decide(actor, Action.PULL, repository, project=bare, grants=found, visit=None))

    async def holds(self, actor: Actor, action: Action, where: str = pattern.ANY) -> bool:
        """Whether the actor may on all that the pattern means."""
        return holds(actor, action, (await self.granted(actor)).over(where), where)

    async def readable(self, actor: Actor) -> list[pattern.Range]:
        """The names of repositories that the actor may see, as ranges."""
        key = ("readable", actor.subjects, actor.limits)
        return await self._get(key, lambda: self._readable(actor))

    async def _readable(self, actor: Actor) -> list[pattern.Range]:
        patterns = [
            grant.pattern
            for grant in (await self.granted(actor)).every
            if Action.PULL in ACTIONS[Role(grant.role)]
        ]
        if actor.limits is not None:
            patterns = _both(patterns, actor.limits)
        return pattern.ranges(patterns + [f"{name}/*" for name in await self.public()])


def _both(patterns: list[str], limits: tuple[tuple[str, str], ...]) -> list[str]:
    """What is meant by one of the patterns and by one of the limits, too."""
    inner = [where for role, where in limits if Action.PULL in ACTIONS[Role(role)]]
    return [
        one if pattern.contains(other, one) else other
        for one in patterns
        for other in inner
        if pattern.contains(other, one) or pattern.contains(one, other)
    ]
