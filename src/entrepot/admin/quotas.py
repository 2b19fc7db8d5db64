"""Quotas: what each project takes and may take. Only an admin sets them."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import Field

from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import After, Limit, Model, Page
from entrepot.admin.problem import Problem
from entrepot.admin.projects import sees, unknown
from entrepot.db import projects, quotas
from entrepot.db.connection import Connection
from entrepot.db.projects import Project
from entrepot.db.quotas import Usage

router = APIRouter(prefix="/quotas", tags=["quotas"])

_PAGE = 200

Amount = Annotated[int, Field(ge=0, le=2**62)]


class Quota(Model):
    """What a project takes, and may take; null for no limit."""

    project: str
    bytes: int
    """Of its blobs, each once, and manifests, those in the trash included."""
    bytes_quota: int | None
    bytes_percent: float | None
    tags: int
    tags_quota: int | None
    tags_percent: float | None


class Limits(Model):
    """What a project may take; null for no limit, and what is not given stays as it is."""

    bytes: Amount | None = None
    tags: Amount | None = None


def _percent(used: int, quota: int | None) -> float | None:
    if quota is None:
        return None
    return round(100 * used / quota, 1) if quota else 100.0


def _shown(usage: Usage) -> Quota:
    return Quota(
        project=usage.project,
        bytes=usage.bytes,
        bytes_quota=usage.quota,
        bytes_percent=_percent(usage.bytes, usage.quota),
        tags=usage.tags,
        tags_quota=usage.quota_tags,
        tags_percent=_percent(usage.tags, usage.quota_tags),
    )


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[Quota]:
    """What the projects take that the caller may see, by name."""
    found: list[Usage] = []
    last = after
    while len(found) <= limit and (page := await _page(caller, last)):
        last = page[-1][0].project
        found += [usage for usage, project in page if project and await sees(caller, project)]
    items = [_shown(each) for each in found[:limit]]
    return Page(items=items, next=items[-1].project if len(found) > limit else None)


async def _page(caller: Caller, after: str) -> list[tuple[Usage, Project | None]]:
    def read(db: Connection) -> list[tuple[Usage, Project | None]]:
        found = quotas.listed(db, after, _PAGE)
        return [(each, projects.find(db, each.project)) for each in found]

    return await caller.registry.database.read(read)


@router.get("/{project}")
async def show(caller: Called, project: str) -> Quota:
    """What a project takes, and may take."""
    row = await caller.registry.database.read(partial(projects.find, name=project))
    if row is None or not await sees(caller, row):
        raise unknown(project)
    return _shown(await caller.registry.database.read(partial(quotas.find, project=project)))


@router.put("/{project}")
async def put(caller: Called, project: str, wanted: Annotated[Limits, Body()]) -> Quota:
    """Set what a project may take. One below what it takes refuses only what comes."""
    given = wanted.model_dump(exclude_unset=True)

    def write(db: Connection) -> Usage:
        found = quotas.find(db, project)
        bytes_, tags = given.get("bytes", found.quota), given.get("tags", found.quota_tags)
        if not quotas.limit(db, project, bytes_, tags):
            raise Problem(404, f"there is no project {project[:255]!r}")
        return quotas.find(db, project)

    return _shown(await caller.change("quota set", f"project:{project}", write, **given))
