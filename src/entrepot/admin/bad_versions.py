"""Bad versions: what is promoted nowhere, until a maintainer frees it."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from entrepot.admin.caller import Called
from entrepot.admin.channel_models import Reason
from entrepot.admin.page import Model, Page, RepositoryName, moment
from entrepot.admin.promoting import asked, done
from entrepot.admin.promotions import Version, VersionText, Where
from entrepot.auth.roles import Action
from entrepot.db import bad_versions
from entrepot.db.audit import Event
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository
from entrepot.versions import bad, promotion

router = APIRouter(prefix="/bad-versions", tags=["channels"])


class Mark(Model):
    """A version that is to be bad."""

    repository: RepositoryName
    version: VersionText
    reason: Reason = ""


class BadVersion(Model):
    """A version that is promoted nowhere."""

    version: str
    """As it was called when it was marked."""
    digest: str
    reason: str
    by: str
    at: datetime | None


def _shown(found: bad_versions.BadVersion) -> BadVersion:
    return BadVersion(
        version=found.version,
        digest=found.digest,
        reason=found.reason,
        by=found.actor,
        at=moment(found.at),
    )


@router.get("")
async def index(caller: Called, repository: Where) -> Page[BadVersion]:
    """All of a repository, the newest first."""
    where = Repository(repository)
    await caller.allow(Action.PULL, where)

    def look(db: Connection) -> list[bad_versions.BadVersion]:
        return bad_versions.of(db, promotion.find(db, where)[0])

    return Page(items=[_shown(each) for each in await asked(caller, look)])


@router.post("")
async def mark(caller: Called, wanted: Annotated[Mark, Body()]) -> BadVersion:
    """Mark a version as bad. It stays where it is: to leave a channel, roll that back."""
    where, by = Repository(wanted.repository), caller.by()
    await caller.allow(Action.MOVE, where)

    def write(db: Connection) -> bad_versions.BadVersion:
        place = promotion.find(db, where)
        came = promotion.version_of(db, place, wanted.version)
        return bad.mark(db, place, came, by, reason=wanted.reason)

    return _shown(await done(caller, Event(bad.MARKED, by, where.name, wanted.version), write))


@router.delete("", status_code=204)
async def free(
    caller: Called,
    repository: Where,
    version: Version,
    reason: Annotated[Reason, Query(description="Why it is good again.")] = "",
) -> Response:
    """Free a version: it may be promoted again."""
    where, by = Repository(repository), caller.by()
    await caller.allow(Action.MOVE, where)
    write = partial(bad.free, repository=where, text=version, by=by, reason=reason)
    await done(caller, Event(bad.FREED, by, where.name, version), write)
    return Response(status_code=204)
