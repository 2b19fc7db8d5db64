"""Repositories: what there is, and what is in one; deleted whole, into the trash."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query

from entrepot.admin.caller import Called, Caller, unknown
from entrepot.admin.page import After, EvenIfRunning, Limit, Model, Page, RepositoryName, moment
from entrepot.admin.problem import Problem
from entrepot.admin.trash import Deleted, deleted
from entrepot.auth.roles import Action
from entrepot.db import repositories
from entrepot.db.repositories import Summary
from entrepot.oci.names import Repository as Name

router = APIRouter(prefix="/repositories", tags=["repositories"])

Named = Annotated[RepositoryName, Path(description="Slashes and all: team/app.")]


class Listed(Model):
    """A repository that holds an image."""

    name: str


class Repository(Model):
    """What is in a repository."""

    name: str
    tags: int
    manifests: int
    size: int
    """Bytes of its manifests and blobs; what other repositories have too counts here as well."""
    created_at: datetime | None


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[Listed]:
    """Repositories by name, those that the caller may see."""
    ranges = await caller.registry.guard.directory.readable(caller.actor)
    query = partial(repositories.catalog, ranges=ranges, after=after, limit=limit + 1)
    found = await caller.registry.database.read(query)
    items = [Listed(name=name) for name in found[:limit]]
    return Page(items=items, next=items[-1].name if len(found) > limit else None)


async def _find(caller: Caller, name: Name) -> Summary:
    query = partial(repositories.summary, repository=name)
    found = await caller.registry.database.scan(query)
    if found is None:
        raise unknown(name)
    return found


@router.get("/{name:path}")
async def show(caller: Called, name: Named) -> Repository:
    """What is in a repository."""
    where = Name(name)
    await caller.allow(Action.PULL, where)
    found = await _find(caller, where)
    return Repository(
        name=found.name,
        tags=found.tags,
        manifests=found.manifests,
        size=found.size,
        created_at=moment(found.created_at),
    )


@router.delete("/{name:path}")
async def delete(
    caller: Called,
    name: Named,
    confirm: Annotated[str, Query(max_length=255, description="The name once more.")] = "",
    even_if_running: EvenIfRunning = False,
) -> Deleted:
    """Delete a repository with all its images, into the trash. It must be named twice."""
    where = Name(name)
    await caller.allow(Action.DELETE, where)
    found = await _find(caller, where)
    if confirm != name:
        raise Problem(
            409,
            f"{name} has {found.tags} tags and {found.manifests} manifests: to delete them all, "
            f"say confirm={name}",
        )
    remove = partial(
        repositories.remove,
        repository=where,
        even_if_running=even_if_running,
        keep=caller.registry.terms.keep,
        by=caller.by(),
    )
    item = await caller.registry.database.write(remove, large=True)  # it may have many tags
    if item is None:
        raise unknown(where)
    return deleted(caller, item)
