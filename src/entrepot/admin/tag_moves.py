"""When a tag moved: for a registry that copies it, and keeps the later one of two moves."""

from datetime import datetime
from functools import partial

from fastapi import APIRouter

from entrepot.admin.caller import Called
from entrepot.admin.page import Model, moment
from entrepot.admin.tag_history import TagName
from entrepot.admin.tags import Where
from entrepot.auth.roles import Action
from entrepot.db import replicated
from entrepot.oci.names import Repository

router = APIRouter(prefix="/tags", tags=["tags"])


class Moved(Model):
    """What a tag is, and since when."""

    digest: str | None
    """Null for one that is not there."""
    at: datetime | None
    """When somebody moved it to that, or deleted it: in the registry where they did so, be it this
    one or one that it was copied from. Null where it never was there.
    """


@router.get("/moved")
async def show(caller: Called, repository: Where, tag: TagName) -> Moved:
    """What a tag is, and when somebody made it so."""
    where = Repository(repository)
    await caller.allow(Action.PULL, where)
    found = await caller.read(partial(replicated.stands, repository=where, tag=tag))
    return Moved(digest=found.digest, at=moment(found.at))
