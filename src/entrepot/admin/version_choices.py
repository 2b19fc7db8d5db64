"""Which version a text means, and which one is next."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from entrepot.admin.caller import Called
from entrepot.admin.page import Model, moment
from entrepot.admin.problem import Problem
from entrepot.admin.versions import Variant, Where, order_of
from entrepot.db import bad_versions
from entrepot.oci.names import Repository
from entrepot.versions import choice
from entrepot.versions.choice import Terms
from entrepot.versions.following import Bump, following
from entrepot.versions.ranges import MOST, UnreadableError

router = APIRouter(prefix="/versions", tags=["versions"])


class Resolved(Model):
    """What a text means."""

    repository: str
    tag: str
    version: str | None
    """Null where the tag means no version."""
    variant: str
    digest: str
    pushed_at: datetime | None


class Next(Model):
    """What to push next."""

    repository: str
    tag: str
    newest: str | None
    """The tag that it follows; null where there is none."""


@router.get("/resolve")
async def resolve(
    caller: Called,
    repository: Where,
    version: Annotated[
        str, Query(min_length=1, max_length=MOST, description="Such as ~1.2 or latest stable.")
    ],
    *,
    variant: Variant = None,
    prereleases: Annotated[bool, Query(description="Also pre-releases.")] = False,
) -> Resolved:
    """What a range, a version, a channel, a tag, `latest stable` or `latest` means now."""
    where = Repository(repository)
    order = await order_of(caller, where)
    marked = await caller.read(partial(bad_versions.of, number=order.number))
    bad = {each.digest for each in marked}
    try:
        found = choice.choose(order, version, Terms(variant, prereleases, bad))
    except UnreadableError as error:
        raise Problem(404, f"{repository} has no such tag, and {error}") from None
    if found is None:
        raise Problem(404, f"no version of {repository} is {version}")
    return Resolved(
        repository=repository,
        tag=found.tag,
        version=found.version.text if found.version else None,
        variant=found.version.variant if found.version else "",
        digest=found.digest,
        pushed_at=moment(found.pushed_at),
    )


@router.get("/next")
async def coming(
    caller: Called,
    repository: Where,
    *,
    bump: Annotated[Bump, Query(description="Which number grows.")] = Bump.PATCH,
    prerelease: Annotated[
        str, Query(max_length=32, pattern="^([A-Za-z][0-9A-Za-z-]*)?$", description="Such as rc.")
    ] = "",
) -> Next:
    """The tag to push next, after the newest."""
    order = await order_of(caller, Repository(repository))
    tag = following(order, bump, prerelease)
    if tag is None:
        raise Problem(409, f"the tags of {repository} are read as text, which has no next")
    newest = order.entries[0].version.tag if order.entries else None
    return Next(repository=repository, tag=tag, newest=newest)
