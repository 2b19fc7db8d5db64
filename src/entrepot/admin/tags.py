"""Tags: what each of a repository points to, and since when; deleted, into the trash."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from entrepot.admin.caller import Called, unknown
from entrepot.admin.page import (
    After,
    EvenIfRunning,
    Limit,
    Model,
    Page,
    Reason,
    RepositoryName,
    moment,
)
from entrepot.admin.problem import Problem
from entrepot.admin.trash import Deleted, deleted
from entrepot.auth.roles import Action
from entrepot.db import tags
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository
from entrepot.oci.names import Tag as Name
from entrepot.versions import floating

router = APIRouter(prefix="/tags", tags=["tags"])

Where = Annotated[RepositoryName, Query(description="The repository, such as team/app.")]


class Tag(Model):
    """A tag and what it points to."""

    name: str
    digest: str
    media_type: str
    size: int
    """Bytes of the manifest itself."""
    pushed_at: datetime | None
    """When it came to point there."""
    floats_with: str | None
    """The tag of the version that it stands for, where the registry itself moves it."""


@router.get("")
async def index(
    caller: Called, repository: Where, after: After = "", limit: Limit = 100
) -> Page[Tag]:
    """The tags of a repository, by name."""
    where = Repository(repository)
    await caller.allow(Action.PULL, where)
    query = partial(tags.described, repository=where, after=after, limit=limit + 1)
    found = await caller.registry.database.read(query)
    if found is None:
        raise unknown(where)
    items = [
        Tag(
            name=each.name,
            digest=each.digest,
            media_type=each.media_type,
            size=each.size,
            pushed_at=moment(each.moved_at),
            floats_with=each.floats,
        )
        for each in found[:limit]
    ]
    return Page(items=items, next=items[-1].name if len(found) > limit else None)


@router.delete("")
async def delete(
    caller: Called,
    repository: Where,
    tag: Annotated[str, Query(max_length=128)],
    even_if_running: EvenIfRunning = False,
    reason: Annotated[Reason, Query(description="Why; the history keeps it.")] = "",
) -> Deleted:
    """Delete a tag, into the trash; its manifest stays."""
    where = Repository(repository)
    await caller.allow(Action.DELETE, where)
    try:
        name = Name.parse(tag)
    except OCIError as error:
        raise Problem(422, error.message) from None
    remove = partial(
        tags.remove,
        repository=where,
        tag=name,
        even_if_running=even_if_running,
        keep=caller.registry.terms.keep,
        by=caller.by(),
        reason=reason,
    )
    gone = partial(floating.keeping, repository=where, act=remove, by=caller.by())
    item = await caller.registry.database.write(gone)
    if item is None:
        raise Problem(404, f"there is no tag {tag} in {repository}")
    return deleted(caller, item)
