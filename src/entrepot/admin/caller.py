"""The caller: who calls the admin API, what they may, and the one way to change things."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from entrepot.admin.needs import NEEDS, On
from entrepot.admin.problem import Problem
from entrepot.auth import pattern
from entrepot.auth.actor import Actor
from entrepot.auth.decision import holds
from entrepot.auth.login import Login
from entrepot.auth.roles import Action
from entrepot.db.audit import DENIED, By, Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request as Asked
from entrepot.oci.names import Repository

T = TypeVar("T")

Powers = Callable[[Action, str], bool]

PREFIX = "/api/v1"


class Caller:
    """Who calls; made for each request by `admit`."""

    def __init__(self, registry: Registry, asked: Asked) -> None:
        self.registry = registry
        self.asked = asked

    @property
    def actor(self) -> Actor:
        """Who they are."""
        return self.asked.actor

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a short query."""
        return await self.registry.database.read(query)

    @property
    def login(self) -> Login:
        """Where credentials are checked."""
        return self.registry.guard.login

    async def hashed(self, password: str) -> str:
        """What is kept of a new password."""
        return await self.login.passwords.hashed(password)

    def by(self) -> By:
        """Who they are, for the audit."""
        return self.asked.by()

    async def holds(self, action: Action, where: str = pattern.ANY) -> bool:
        """Whether they may, on all that the pattern means."""
        return await self.registry.guard.directory.holds(self.actor, action, where)

    async def powers(self) -> Powers:
        """The same for many patterns: a function that says whether they may."""
        granted = await self.registry.guard.directory.granted(self.actor)
        return lambda action, where: holds(self.actor, action, granted.over(where), where)

    async def overseen(self) -> Callable[[str], bool]:
        """Says of a pattern whether its rules are shown to them: they may set them, or audit."""
        may = await self.powers()
        audits = may(Action.AUDIT, pattern.ANY)
        return lambda where: audits or may(Action.CONFIGURE, where)

    async def pulls(self, repository: str) -> bool:
        """Whether they may pull from a repository, and so may know of it."""
        return await self.may(Action.PULL, Repository.parse(repository))

    async def may(self, action: Action, repository: Repository) -> bool:
        """Whether they may do this to a repository, as the API of images would let them."""
        return bool(await self.registry.guard.may(self.asked, action, repository))

    async def allow(self, action: Action, repository: Repository, *, known: bool = False) -> None:
        """Raise a problem unless they may do this to a repository; unless it is `known` to them
        already, who may not even pull from it is told the same whether it is here or not.
        """
        decision = await self.registry.guard.may(self.asked, action, repository)
        if decision:
            return
        if not (known or await self.registry.guard.directory.sees(self.actor, repository)):
            raise unknown(repository)
        event = Event(action.value, self.by(), repository.name, result=DENIED)
        self.registry.guard.trail.note(event)
        raise Problem(403, decision.reason)

    async def require(self, action: Action, where: str = pattern.ANY) -> None:
        """Raise a problem unless they may, on all that the pattern means."""
        if await self.holds(action, where):
            return
        self.deny(action, where)

    def deny(self, action: Action, where: str) -> None:
        """Write down that they may not, and raise the problem that says so."""
        event = Event(action.value, self.by(), reference=where, result=DENIED)
        self.registry.guard.trail.note(event)
        here = "" if where == pattern.ANY else f" on {where}"
        raise Problem(403, f"{self.actor} may not {action}{here}: ask an owner or an admin")

    async def change(
        self, what: str, reference: str, write: Callable[[Connection], T], **detail: Any
    ) -> T:
        """Run a write and its audit row in one transaction; all caches follow."""
        event = Event(what, self.by(), reference=reference, detail=detail)

        def both(db: Connection) -> T:
            result = write(db)
            record_access(db, event)
            return result

        return await self.registry.database.write(both)


def unknown(repository: Repository) -> Problem:
    """The problem of a repository that is not here, or not for them to see."""
    return Problem(404, f"there is no repository {repository}, or you may not see it")


async def admit(request: Request) -> Caller:
    """Let a request through to its handler, as the table of needs says."""
    registry: Registry = request.app.state.registry
    asked: Asked = request.scope["entrepot.asked"]
    path = request.scope["route"].path_format.removeprefix(PREFIX)
    need = NEEDS.get((request.method, path))
    if need is None:
        raise Problem(403, "this address is in no table, so nobody may call it")
    caller = Caller(registry, asked)
    if need.on is On.NOTHING:
        return caller
    asked.session = await registry.guard.identify(asked)
    if not caller.actor.known:
        if registry.guard.everyone:
            raise Problem(403, "this registry runs without accounts: there is nobody to administer")
        raise registry.guard.challenge.wanted(asked)
    if asked.session.access is not None:
        raise Problem(403, "a registry token is for images: use a password or a personal token")
    if request.method not in ("GET", "HEAD") and path != "/session":
        await registry.guard.directory.check_thawed()
    if need.action is not None and need.on is On.REGISTRY:
        await caller.require(need.action)
    if need.action is not None and need.on is On.PROJECT:
        await caller.require(need.action, f"{request.path_params['project']}/*")
    return caller


Called = Annotated[Caller, Depends(admit)]
"""What each handler takes first."""
