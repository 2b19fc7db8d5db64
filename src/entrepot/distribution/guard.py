"""The guard: who asks, and may they. Every request of the API passes here before its handler.

What it has decided once it keeps as a pass, so that the next request with the same credential for
the same repository is let through at once (`fast`). Next: `sessions` says who it is, `needs` has
the table of actions, `challenge` tells clients where to log in, `passes` keeps what was decided.
"""

from functools import partial

from entrepot.auth import pattern
from entrepot.auth.actor import ANYONE, Session
from entrepot.auth.decision import Decision, Visit, objection
from entrepot.auth.directory import Directory
from entrepot.auth.login import Login, RefusedError
from entrepot.auth.roles import FILLING, Action, Role
from entrepot.auth.tokens import CATALOG, CREATE, TokenError
from entrepot.auth.trail import Trail
from entrepot.db import grants, log, projects
from entrepot.db.audit import DENIED, By, Event
from entrepot.db.changes import Kind as ChangeKind
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.projects import Project
from entrepot.db.repositories import EVERYTHING
from entrepot.distribution.challenge import CATALOG_SCOPE, Challenge, scope_of, scopes_of
from entrepot.distribution.needs import NEEDS, Need, Open
from entrepot.distribution.passes import Pass, Passes
from entrepot.distribution.request import MAX_AGENT, Request
from entrepot.distribution.router import Kind
from entrepot.distribution.sessions import Sessions
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository


class Guard:
    """Holds requests to `needs`."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        login: Login,
        trail: Trail,
        challenge: Challenge,
        *,
        everyone: bool = False,
    ) -> None:
        self._database = database
        self.directory = directory
        self.login = login
        self.trail = trail
        self.challenge = challenge
        self.everyone = everyone
        """Whether there are no accounts, and whoever comes may do what the API can."""
        self.passes = Passes()
        self._sessions = Sessions(directory, login, trail)
        database.log.subscribe(self._changed)

    def _changed(self, kind: str, _repository: str) -> None:
        if kind in (ChangeKind.ACCESS, log.EVERYTHING):
            self._sessions.clear()
            self.passes.clear()

    async def identify(self, request: Request) -> Session:
        """Who asks, as they say and can show. Raises UNAUTHORIZED for what is not good."""
        if self.everyone:
            return Session(ANYONE)
        try:
            return await self._sessions.of(request)
        except (RefusedError, TokenError) as error:
            raise self.challenge.refusal(request, error) from None

    async def admit(self, request: Request) -> None:
        """Let a request through to its handler, or raise UNAUTHORIZED or DENIED."""
        need = _need(request)
        if need is Open.ANYONE:
            return
        request.session = await self.identify(request)
        if need is Open.LOGIN and not (request.actor.known or self.everyone):
            raise self.challenge.wanted(request)
        if request.route.kind is Kind.CATALOG:
            self._admit_to_catalog(request)
        if isinstance(need, Action):
            await self._admit(request, need)

    def _admit_to_catalog(self, request: Request) -> None:
        """What it lists goes by who asks: so who shows nothing is told where to log in, else most
        clients would not. A registry token is good for what it was asked for, and for no more.
        """
        access = request.session.access
        if access is None and not (request.actor.known or self.everyone):
            raise self.challenge.wanted(request, CATALOG_SCOPE)
        if access is not None and CATALOG not in access:
            raise self.challenge.insufficient(request, CATALOG_SCOPE)

    async def _admit(self, request: Request, action: Action) -> None:
        repository = request.route.repository
        state = self.directory.renewed
        decision = await self.may(request, action, repository)
        if not decision:
            raise await self._refuse(request, action, repository, decision)
        if request.method not in ("GET", "HEAD"):
            await self.directory.check_thawed()
        begins = decision.creates and request.route.kind is not Kind.UPLOAD  # which no one began
        if begins and not await self._create(request, repository, owns=decision.owns):
            await self._admit(request, action)  # it is somebody's now: whose, and do they let us
            return
        actor = request.actor
        self.trail.used(actor.account, actor.secret, decision.grant)
        if action is Action.PULL:
            await self._keep(request, repository, state)

    async def may(self, request: Request, action: Action, repository: Repository) -> Decision:
        """Whether whoever asks may do this, and why."""
        if self.everyone:
            return await self._anyone(action, repository)
        session = request.session
        if session.access is None:
            return await self.directory.decide(session.actor, action, repository, request.visit)
        return await self._by_token(session, action, repository, request.visit)

    async def _anyone(self, action: Action, repository: Repository) -> Decision:
        """Without accounts all is allowed but to push what is to come from elsewhere."""
        project = await self.directory.project(repository)
        if action in FILLING and project and project.upstream:
            return Decision(False, objection(ANYONE, action, project, None))
        return Decision(True, "there are no accounts here")

    async def pushes(self, request: Request) -> bool:
        """Whether whoever asks may push there, however little the token carries that they show."""
        actor, repository = request.actor, request.route.repository
        if self.everyone:
            return bool(await self._anyone(Action.PUSH, repository))
        decision = await self.directory.decide(actor, Action.PUSH, repository, request.visit)
        return bool(decision)

    async def _by_token(
        self, session: Session, action: Action, repository: Repository, visit: Visit
    ) -> Decision:
        """The token says what it is good for; policies and what is public hold beside it."""
        project = await self.directory.project(repository)
        if project and (reason := objection(session.actor, action, project, visit)):
            return Decision(False, reason)
        if project and project.public and action is Action.PULL:
            return Decision(True, f"project {project.name} is public")
        carried = (session.access or {}).get(repository.name, frozenset())
        if CREATE in carried and project is not None:  # by now it is somebody's, maybe theirs
            return await self.directory.decide(session.actor, action, repository, visit)
        if action not in carried:
            return Decision(False, f"the token does not carry {action} on {repository}")
        creates = project is None and action is Action.PUSH
        return Decision(True, "the token carries it", None, creates, CREATE in carried)

    async def _refuse(
        self, request: Request, action: Action, repository: Repository, decision: Decision
    ) -> OCIError:
        """The same for a repository that is not here and for one that they may not see."""
        actor = request.actor
        if not (actor.known or self.everyone):
            return self.challenge.wanted(request, scopes_of(request, action))
        self._note_denial(request, action, decision.reason)
        project = await self.directory.project(repository)
        barred = project and objection(actor, action, project, request.visit)
        sees = self.everyone or await self.directory.sees(actor, repository)
        if request.session.access is not None and not (barred and sees):
            asked = request.asked or repository
            return self.challenge.insufficient(request, scope_of(asked, action))
        return OCIError(Code.DENIED, decision.reason if sees else "")

    def denied(self, request: Request, why: str) -> None:
        """Write down that a handler refused what the roles alone would allow."""
        need = _need(request)
        if isinstance(need, Action) and not self.everyone:
            self._note_denial(request, need, why)

    def _note_denial(self, request: Request, action: Action, why: str) -> None:
        route = request.route
        event = Event(
            action.value,
            request.by(),
            route.repository.name,
            str(route.what or ""),
            result=DENIED,
            detail={"why": why},
        )
        self.trail.note(event)

    async def _create(self, request: Request, repository: Repository, *, owns: bool) -> bool:
        """Make the project that a first push needs. False where someone else was faster."""
        name = pattern.project(repository)
        owner = request.actor.subject if owns else None
        make = partial(_make_project, name=name, owner=owner, by=request.by())
        return await self._database.write(make)

    async def _keep(self, request: Request, repository: Repository, state: int) -> None:
        """Give a pass, unless access has changed since `state`."""
        project = await self.directory.project(repository)
        if project and (project.networks or project.certificate):
            return
        private = not self.everyone and not (project and project.public)
        if not self.directory.current or self.directory.renewed != state:
            return
        found = Pass(request.session.expires, request.actor, private)
        self.passes.give(request.credential, repository.name, found)

    async def readable(self, request: Request) -> list[pattern.Range]:
        """The names of repositories that whoever asks may see, as ranges."""
        if self.everyone:
            return EVERYTHING
        return await self.directory.readable(request.actor)

    def pulled(self, request: Request, digest: str) -> None:
        """Write down a pull, where not everybody may."""
        repository = request.route.repository.name
        found = self.passes.find(request.credential, repository)
        if request.method == "GET" and (found is None or found.private):
            self.trail.pulled(
                request.actor,
                request.client,
                request.headers.get(b"user-agent", b"")[:MAX_AGENT],
                request.identity,
                repository,
                request.target.encode("latin-1"),
                digest,
            )
        elif request.method == "GET" and request.route.kind is Kind.MANIFEST:
            self.trail.seen(repository, digest)


def _need(request: Request) -> Need:
    return NEEDS[request.route.kind]["GET" if request.method == "HEAD" else request.method]


def _make_project(db: Connection, name: str, owner: str | None, by: By) -> bool:
    if projects.find(db, name) is not None:
        return False
    projects.create(db, Project(name), by.actor)
    record_access(db, Event("project create", by, reference=f"project:{name}"))
    if owner is not None:
        grants.add(db, owner, Role.OWNER, f"{name}/*", by.actor)
        record_access(db, Event("grant add", by, reference=f"{owner} owner {name}/*"))
    return True
