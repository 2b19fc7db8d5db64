"""Versions: tags read as such, with what they bring and where they stand.

Next: `version_choices` says what a range means, `version_notes` has what people write.
"""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from entrepot.admin.caller import Called, Caller, unknown
from entrepot.admin.page import Limit, Model, Page, RepositoryName, moment
from entrepot.admin.problem import Problem
from entrepot.auth.roles import Action
from entrepot.db.version_notes import Note
from entrepot.oci.names import Repository
from entrepot.versions import table
from entrepot.versions.order import Entry, Order
from entrepot.versions.ranges import MOST, Range, UnreadableError
from entrepot.versions.state import State
from entrepot.versions.table import CursorError, Row, Wanted
from entrepot.versions.version import Scheme

router = APIRouter(prefix="/versions", tags=["versions"])

Where = Annotated[RepositoryName, Query(description="The repository, such as team/app.")]
Variant = Annotated[
    str | None,
    Query(max_length=128, description='Only variants of this pattern, as alpine*; "" for none.'),
]
Prereleases = Annotated[
    bool | None, Query(description="Whether pre-releases are listed; else as a range means them.")
]


class Version(Model):
    """A version, and what is known of it; "" where nothing is."""

    tag: str
    version: str
    """Without prefix and variant; build metadata behind a plus."""
    variant: str
    prerelease: bool
    digest: str
    also: list[str]
    """Other tags of the same image: floating names, channels."""
    pushed_at: datetime | None
    """When this image first came under this tag."""
    pushed_by: str
    size: int | None
    """Bytes of all its platforms; null where its manifest is too large to be looked into."""
    platforms: list[str]
    title: str
    description: str
    """As somebody wrote it by hand, else as the image says."""
    described_by: str
    """"" where the image says so itself."""
    revision: str
    """Of its sources, as the image says."""
    source: str
    created: str
    """When it was built, as the image says."""
    signed_by: list[str]
    """The project's signers with a good signature of this image."""
    state: State
    where: list[str]
    """The channels that it is in, and the workloads that run it."""
    bad: str | None
    """Why somebody marked it as bad, and who."""
    plan: str
    planned_by: str
    planned_at: datetime | None


class Reading(Model):
    """How the tags of a repository are read."""

    scheme: Scheme
    guessed: bool
    share: float
    """Which part of the tags the scheme reads, 0 to 1."""
    variants: list[str]
    """Patterns of what behind a hyphen is a variant, and no pre-release."""


class Versions(Page[Version]):
    """Some of a repository's versions, and how its tags are read."""

    reading: Reading
    others: int
    """How many tags are no versions: floating names, channels, what cannot be read."""


async def order_of(caller: Caller, repository: Repository) -> Order:
    """The versions of a repository that the caller may pull from. Raises a problem."""
    await caller.allow(Action.PULL, repository)
    found = await caller.registry.catalogue.order(repository)
    if found is None:
        raise unknown(repository)
    return found


def reading(order: Order) -> Reading:
    """How the tags are read, as it is shown."""
    return Reading(
        scheme=order.scheme,
        guessed=order.guessed,
        share=round(order.share, 3),
        variants=list(order.variants),
    )


@router.get("")
async def index(
    caller: Called,
    repository: Where,
    *,
    within: Annotated[
        str, Query(alias="range", max_length=MOST, description="Such as ~1.2 or >=1.1 <2.")
    ] = "",
    variant: Variant = None,
    prereleases: Prereleases = None,
    state: State | None = None,
    sort: Annotated[str, Query(pattern="^(version|pushed)$")] = "version",
    after: Annotated[str, Query(max_length=255, description="Go on behind this one.")] = "",
    limit: Limit = 100,
) -> Versions:
    """The versions of a repository: the newest first, or what was pushed last."""
    where = Repository(repository)
    order = await order_of(caller, where)
    wanted = Wanted(
        _range(within, order) if within else None,
        variant,
        prereleases,
        state,
        sort == "pushed",
        _cursor(after, order) if after else None,
        limit + 1,
    )
    query = partial(
        table.page,
        catalogue=caller.registry.catalogue,
        repository=where,
        order=order,
        wanted=wanted,
    )
    found = await caller.registry.database.scan(query)
    return Versions(
        items=[_shown(row) for row in found[:limit]],
        next=table.cursor(found[limit - 1].entry) if len(found) > limit else None,
        reading=reading(order),
        others=len(order.names),
    )


def _range(text: str, order: Order) -> Range:
    try:
        return Range.parse(text, order.scheme)
    except UnreadableError as error:
        raise Problem(422, str(error)) from None


def _cursor(text: str, order: Order) -> Entry:
    try:
        return table.read_cursor(text, order)
    except CursorError:
        raise Problem(422, "`after` is what a page said was next") from None


def _shown(row: Row) -> Version:
    version, said = row.entry.version, row.image.labels
    described, plan, bad = row.description, row.plan, row.standing.bad
    return Version(
        tag=version.tag,
        version=version.text,
        variant=version.variant,
        prerelease=version.is_prerelease,
        digest=row.entry.digest,
        also=list(row.also),
        pushed_at=moment(row.pushed_at),
        pushed_by=row.pushed_by,
        size=row.image.size,
        platforms=list(said.platforms),
        title=said.title,
        description=_text(described) or said.description,
        described_by=described.by if described else "",
        revision=said.revision,
        source=said.source,
        created=said.created,
        signed_by=list(row.signers),
        state=row.state,
        where=list(row.where),
        bad=f"{bad.reason} ({bad.by})" if bad else None,
        plan=_text(plan),
        planned_by=plan.by if plan else "",
        planned_at=moment(plan.at) if plan else None,
    )


def _text(note: Note | None) -> str:
    return note.text if note else ""
