"""Images that run: which workloads of connected clusters have them, and what is to be known."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator

from entrepot.admin.caller import Called
from entrepot.admin.page import Limit, Model, Page, RepositoryName, moment, printable
from entrepot.admin.problem import Problem
from entrepot.auth.roles import Action
from entrepot.db import running, tags, workload_images
from entrepot.db.connection import Connection
from entrepot.db.workload_images import Listed, Wanted
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository, parse_reference
from entrepot.upkeep.marks import Mark, marks, newer

router = APIRouter(prefix="/images", tags=["clusters"])

Text = Annotated[str, Query(max_length=512), AfterValidator(printable)]


class Image(Model):
    """An image of a container of a workload."""

    id: int
    cluster: str
    namespace: str
    kind: str
    workload: str
    container: str
    image: str
    """As it is written in the workload."""
    repository: str | None
    """Null where it is of another registry."""
    tag: str
    digest: str
    """What is written, else what was pulled; "" where nobody knows."""
    state: str
    """running; waiting, where a workload would run it again; rollback, where that would need it."""
    marks: list[Mark]
    newer: str | None
    """The tag to take instead."""
    first_seen: datetime | None
    last_seen: datetime | None
    """The newest report that had it."""
    kept_until: datetime | None
    """Null while the cluster reports it."""


class Use(Model):
    """A workload that has an image."""

    cluster: str
    namespace: str
    kind: str
    workload: str
    state: str
    past: bool
    """Whether its cluster does not report it any more."""
    last_seen: datetime | None
    words: str
    """All of it in a few words."""


@router.get("")
async def index(
    caller: Called,
    *,
    cluster: Text = "",
    namespace: Text = "",
    repository: Text = "",
    past: Annotated[bool, Query(description="Also what ran, and is kept still.")] = False,
    after: Annotated[int, Query(ge=0, le=2**62, description="Go on behind this one.")] = 0,
    limit: Limit = 100,
) -> Page[Image]:
    """The images of workloads, the first reported first: all for an auditor, for others those of
    repositories that they may pull from.
    """
    sees = await caller.holds(Action.AUDIT)
    ranges = None if sees else await caller.registry.guard.directory.readable(caller.actor)
    wanted = Wanted(cluster, namespace, repository, past)

    def ask(db: Connection) -> list[Image]:
        found = workload_images.listed(db, wanted, ranges, after, limit + 1)
        names = {each.said.repository for each in found} - {""}
        known = {name: workload_images.tags_of(db, name) for name in names}
        return [_shown(each, known.get(each.said.repository, [])) for each in found]

    found = await caller.registry.database.scan(ask)
    more = len(found) > limit
    return Page(items=found[:limit], next=str(found[limit - 1].id) if more else None)


def _shown(found: Listed, others: list[str]) -> Image:
    newest = newer(found, others)
    key, said = found.key, found.said
    return Image(
        id=found.id,
        cluster=found.cluster,
        namespace=key.namespace,
        kind=key.kind,
        workload=key.workload,
        container=key.container,
        image=key.image,
        repository=said.repository or None,
        tag=said.tag,
        digest=key.digest,
        state=said.state,
        marks=marks(found, newest),
        newer=newest,
        first_seen=moment(found.first_seen),
        last_seen=moment(found.last_seen),
        kept_until=moment(found.until),
    )


@router.get("/uses")
async def uses(
    caller: Called,
    repository: Annotated[RepositoryName, Query(description="The repository, such as team/app.")],
    reference: Annotated[
        str, Query(max_length=512, description="A tag or digest; without it, all that is there.")
    ] = "",
) -> Page[Use]:
    """Which workloads keep a repository, or an image of it, from being deleted."""
    where = Repository(repository)
    await caller.allow(Action.PULL, where)
    found = await caller.registry.database.scan(
        partial(_uses, repository=where, reference=reference)
    )
    return Page(
        items=[
            Use(
                cluster=each.cluster,
                namespace=each.namespace,
                kind=each.kind,
                workload=each.workload,
                state=each.state,
                past=each.past,
                last_seen=moment(each.last_seen),
                words=str(each),
            )
            for each in found
        ]
    )


def _uses(db: Connection, repository: Repository, reference: str) -> running.Uses:
    kept = running.of(db, repository)
    if not reference:
        return kept.here
    try:
        read = parse_reference(reference)
    except OCIError as error:
        raise Problem(422, error.message) from None
    if isinstance(read, Digest):
        return kept.of(str(read))
    return kept.of_tag(read.name, tags.digest_of(db, repository, read) or "")
