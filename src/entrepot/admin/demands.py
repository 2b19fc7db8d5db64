"""Demands: which repositories serve to whoever does not push there only what is signed, by whom."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import Model, Name, Page, moment
from entrepot.admin.page import Pattern as Where
from entrepot.admin.problem import Problem
from entrepot.admin.signers import check_project
from entrepot.auth import pattern as patterns
from entrepot.auth.roles import Action
from entrepot.db import signers
from entrepot.db.audit import Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection

router = APIRouter(prefix="/demands", tags=["signatures"])

At = Annotated[Where, Query(description="Repositories of one project, such as team/* or team/app.")]


class NewDemand(Model):
    """What is to be demanded."""

    signers: Annotated[list[Name], Field(max_length=100)] = Field(default_factory=list)
    """One of these must have signed; all that the project has now, where none is given."""


class Demand(Model):
    """What is demanded of the repositories of a pattern."""

    project: str
    pattern: str
    signers: list[str]
    """One of these must have signed."""
    created_at: datetime | None
    created_by: str


def _shown(row: signers.Demand) -> Demand:
    return Demand(
        project=row.project,
        pattern=row.pattern,
        signers=list(row.signers),
        created_at=moment(row.created_at),
        created_by=row.created_by,
    )


@router.get("")
async def index(caller: Called) -> Page[Demand]:
    """All demands on what the caller may configure, or see as an auditor; by project."""
    shows = await caller.overseen()
    every = await caller.read(signers.demands)
    return Page(items=[_shown(each) for each in every if shows(each.pattern)])


@router.put("")
async def put(caller: Called, pattern: At, wanted: Annotated[NewDemand, Body()]) -> Demand:
    """Demand signatures for pulls of what the pattern means, in place of what was demanded."""
    await caller.require(Action.CONFIGURE, pattern)
    project = _project(pattern)

    def write(db: Connection) -> Demand:
        check_project(db, project)
        names = _named(db, project, wanted.signers)
        made = signers.demand(db, signers.Demand(project, pattern, names), caller.actor.subject)
        _record(db, caller, "signature demand", project, pattern, signers=", ".join(names))
        return _shown(made)

    return await caller.registry.database.write(write)


def _named(db: Connection, project: str, wanted: list[str]) -> tuple[str, ...]:
    known = [each.name for each in signers.of(db, project)]
    unknown = [name for name in wanted if name not in known]
    if unknown or not known:
        raise Problem(
            404,
            f"project {project} has no signer {', '.join(unknown) or 'yet'}: name one first, "
            "or nothing could be pulled",
        )
    return tuple(dict.fromkeys(wanted or known))


@router.delete("", status_code=204)
async def delete(caller: Called, pattern: At) -> Response:
    """Demand no signatures any more of what exactly this pattern means."""
    await caller.require(Action.CONFIGURE, pattern)
    project = _project(pattern)

    def write(db: Connection) -> None:
        if not signers.relent(db, project, pattern):
            raise Problem(404, f"nothing is demanded for {pattern}")
        _record(db, caller, "signature demand delete", project, pattern)

    await caller.registry.database.write(write)
    return Response(status_code=204)


def _project(pattern: str) -> str:
    found = patterns.project_of(pattern)
    if found is None:
        raise Problem(422, f"{pattern} may mean several projects: write team/* or team/app")
    return found


def _record(
    db: Connection, caller: Caller, what: str, project: str, pattern: str, **detail: str
) -> None:
    event = Event(what, caller.by(), reference=f"demand:{pattern}", detail=detail)
    record_access(db, event, project)
