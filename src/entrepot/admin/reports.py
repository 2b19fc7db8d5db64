"""Reports: what tests said of a version, posted by whoever ran them."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from fastapi.responses import PlainTextResponse
from pydantic import AfterValidator, Field

from entrepot.admin.caller import Called
from entrepot.admin.channel_models import ReportName
from entrepot.admin.page import Model, Page, RepositoryName, moment
from entrepot.admin.problem import Problem
from entrepot.admin.promoting import asked, done
from entrepot.admin.promotions import Version, VersionText, Where
from entrepot.auth.roles import Action
from entrepot.db import audit, reports
from entrepot.db.audit import Event
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository
from entrepot.versions import promotion

router = APIRouter(prefix="/reports", tags=["channels"])

POSTED = "report posted"
"""The action in the audit."""

MOST = 64 * 1024
"""Characters of a report's document; larger ones are attached as artifacts."""


def _url(text: str) -> str:
    if text and not (text.startswith(("https://", "http://")) and text.isprintable()):
        raise ValueError("write an address that begins with https://")
    return text


class Outcome(Model):
    """What a test said."""

    repository: RepositoryName
    version: VersionText
    name: ReportName
    """Such as tests; of one name the newest counts."""
    passed: bool
    url: Annotated[str, Field(max_length=1000), AfterValidator(_url)] = ""
    """Where more can be read."""
    document: Annotated[str, Field(max_length=MOST)] = ""
    """What the test wrote."""


class Report(Model):
    """What a test said of a digest."""

    id: int
    digest: str
    name: str
    passed: bool
    url: str
    by: str
    at: datetime | None
    size: int
    """Characters of its document."""


def _shown(found: reports.Report) -> Report:
    return Report(
        id=found.id,
        digest=found.digest,
        name=found.name,
        passed=found.passed,
        url=found.url,
        by=found.actor,
        at=moment(found.at),
        size=found.size,
    )


@router.get("")
async def index(caller: Called, repository: Where, version: Version) -> Page[Report]:
    """All that was said of what a version is now, the newest first."""
    where = Repository(repository)
    await caller.allow(Action.PULL, where)

    def look(db: Connection) -> list[reports.Report]:
        place = promotion.find(db, where)
        return reports.of(db, place[0], promotion.version_of(db, place, version).digest)

    return Page(items=[_shown(each) for each in await asked(caller, look)])


@router.post("", status_code=201)
async def post(caller: Called, outcome: Annotated[Outcome, Body()]) -> Report:
    """Say that a test passed, or failed."""
    where = Repository(outcome.repository)
    await caller.allow(Action.PUSH, where)
    by = caller.by()
    detail = {"name": outcome.name, "passed": outcome.passed}

    def write(db: Connection) -> reports.Report:
        place = promotion.find(db, where)
        came = promotion.version_of(db, place, outcome.version)
        report = reports.Report(
            0, came.digest, outcome.name, outcome.passed, outcome.url, by.actor, 0
        )
        event = Event(POSTED, by, where.name, came.version, came.digest, detail=detail)
        audit.append(db, event)
        return reports.add(db, place[0], report, outcome.document)

    return _shown(await done(caller, Event(POSTED, by, where.name), write))


@router.get("/{number}/document", response_class=PlainTextResponse)
async def document(
    caller: Called,
    number: Annotated[int, Path(ge=0, le=2**62)],
    repository: Annotated[RepositoryName, Query(description="The repository of the report.")],
) -> PlainTextResponse:
    """What came with a report."""
    where = Repository(repository)
    await caller.allow(Action.PULL, where)

    def look(db: Connection) -> str | None:
        return reports.document(db, promotion.find(db, where)[0], number)

    found = await asked(caller, look)
    if found is None:
        raise Problem(404, f"there is no report {number} in {repository}")
    return PlainTextResponse(found, headers={"x-content-type-options": "nosniff"})
