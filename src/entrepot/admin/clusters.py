"""Clusters: which are connected, and their reports of what runs there, which so is kept.

A report may be large, and is read in a thread, once it is known who sends it.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, Field, ValidationError

from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import Model, Name, Page, moment, printable
from entrepot.admin.problem import Problem
from entrepot.auth.pattern import ANY
from entrepot.auth.roles import ACTIONS, Action, Role
from entrepot.db import inventory, workload_images
from entrepot.db.connection import Connection
from entrepot.db.inventory import Key, Said, TakenError
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError

router = APIRouter(prefix="/clusters", tags=["clusters"])

MOST_BYTES = 16 * 1024 * 1024
"""Of a report: enough for some 40,000 images."""

_MOST_ERRORS = 10


def _digest(text: str) -> str:
    try:
        return str(Digest.parse(text)) if text else text
    except OCIError as error:
        raise ValueError(error.message) from None


Word = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(printable)]
Part = Annotated[str, Field(max_length=512), AfterValidator(printable)]


class Entry(Model):
    """An image that a workload has."""

    namespace: Word
    kind: Word
    """Deployment, StatefulSet, CronJob, Pod, …"""
    workload: Word
    container: Word
    image: Word
    """As it is written in the workload."""
    host: Part = ""
    """Of the registry, with its port where one is written."""
    repository: Part = ""
    tag: Part = ""
    digest: Annotated[str, Field(max_length=256), AfterValidator(_digest)] = ""
    """What is written, else what was pulled; "" where nobody knows."""
    pinned: bool = False
    """Whether a digest is written."""
    state: Literal["running", "waiting", "rollback"] = "running"
    """`waiting`: a workload would run it again; `rollback`: that alone would need it."""


class Report(Model):
    """All that a cluster has now; it takes the place of what it said before."""

    hosts: list[Part] = Field(default_factory=list, max_length=100)
    """HOST[:PORT] under which the cluster pulls from this registry, beside those that it knows."""
    images: list[Entry]


class Cluster(Model):
    """A cluster that reports."""

    name: str
    seen_at: datetime | None
    """When its last report came."""
    reported_by: str | None
    """Who reports it; null for who may not know."""
    images: int
    """How many images of containers it has, of those that the caller may know of."""


_ENTRIES = {"type": "array", "items": Entry.model_json_schema()}
_HOSTS = Report.model_json_schema()["properties"]["hosts"]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["images"],
                    "additionalProperties": False,
                    "properties": {"hosts": _HOSTS, "images": _ENTRIES},
                }
            }
        },
    }
}


@router.get("")
async def index(caller: Called) -> Page[Cluster]:
    """The clusters, by name: all for an auditor, for others those that have what they may pull."""
    sees = await caller.holds(Action.AUDIT)
    ranges = None if sees else await caller.registry.guard.directory.readable(caller.actor)

    def ask(db: Connection) -> tuple[list[inventory.Cluster], dict[str, int]]:
        return inventory.every(db), workload_images.counts(db, ranges)

    found, counts = await caller.registry.database.scan(ask)
    return Page(
        items=[
            _shown(each, counts.get(each.name, 0), known=sees)
            for each in found
            if sees or each.name in counts
        ]
    )


def _shown(found: inventory.Cluster, images: int, *, known: bool = True) -> Cluster:
    by = found.reported_by if known else None
    return Cluster(name=found.name, seen_at=moment(found.seen_at), reported_by=by, images=images)


@router.put("/{cluster}/images", openapi_extra=_BODY)
async def report(caller: Called, cluster: Name, request: Request) -> Cluster:
    """Say what a cluster has, whole. Images of this registry among them are kept as long as it
    does, and for a time after; a cluster that falls silent keeps what it said last.
    """
    caller.asked.most_body = MOST_BYTES
    found = await asyncio.to_thread(_read, await request.body(), _own_hosts(caller))
    write = partial(
        inventory.report,
        name=cluster,
        reported=found,
        keep=caller.registry.terms.ran,
        reporters=await _reporters(caller),
        by=caller.by(),
    )
    try:
        known = await caller.registry.database.write(write, large=True)
    except TakenError as error:
        raise Problem(
            409,
            f"{error} reports for a cluster {cluster}: give this one another name, or have an "
            f"admin forget that one: entrepot kube forget {cluster}",
        ) from None
    return _shown(known, len(found))


async def _reporters(caller: Caller) -> list[str]:
    """The subjects that let them report: a workload's other rules may come and go."""
    granted = (await caller.registry.guard.directory.granted(caller.actor)).over(ANY)
    found = {each.subject for each in granted if Action.REPORT in ACTIONS[Role(each.role)]}
    return sorted(found) or [caller.actor.subject]


def _own_hosts(caller: Caller) -> set[str]:
    """Under which the registry is known to itself, and to who reports."""
    challenge = caller.registry.guard.challenge
    return {challenge.origin(caller.asked).partition("://")[2], caller.asked.header(b"host")}


def _read(content: bytes, hosts: set[str]) -> dict[Key, Said]:
    try:
        given = Report.model_validate_json(content)
    except ValidationError as error:
        errors: list[Any] = error.errors(include_input=False, include_context=False)
        raise RequestValidationError(errors[:_MOST_ERRORS]) from None
    return dict(_rows(given, {_bare(each) for each in (*hosts, *given.hosts) if each}))


def _rows(given: Report, hosts: set[str]) -> Iterable[tuple[Key, Said]]:
    for each in given.images:
        repository = each.repository if _bare(each.host) in hosts else ""
        key = Key(each.namespace, each.kind, each.workload, each.container, each.image, each.digest)
        yield key, Said(repository, each.tag, each.pinned, each.state)


def _bare(host: str) -> str:
    return host.lower().removesuffix(":443")


@router.delete("/{cluster}", status_code=204)
async def forget(caller: Called, cluster: Annotated[str, Path(max_length=255)]) -> Response:
    """Forget a cluster: what runs there is not kept for it any more."""

    def write(db: Connection) -> None:
        if not inventory.forget(db, cluster):
            raise Problem(404, f"there is no cluster {cluster[:128]!r}")

    await caller.change("cluster forget", f"cluster:{cluster}", write)
    return Response(status_code=204)
