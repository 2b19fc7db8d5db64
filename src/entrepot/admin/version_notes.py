"""What people write of versions: what one brings, what is planned; and how tags are read."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from entrepot.admin.caller import Called, Caller, unknown
from entrepot.admin.page import Glob, Model
from entrepot.admin.page import Text as Free
from entrepot.admin.problem import Problem
from entrepot.admin.versions import Reading, Where, order_of, reading
from entrepot.auth.roles import Action
from entrepot.db import repositories, version_notes
from entrepot.db.connection import Connection
from entrepot.db.version_notes import Kind, Read
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository, Tag
from entrepot.versions import floating
from entrepot.versions.version import Scheme

router = APIRouter(prefix="/versions", tags=["versions"])


class Notes(Model):
    """What to write of a version; null leaves it as it is, "" takes it away."""

    description: Free | None = None
    plan: Free | None = None


class Wanted(Model):
    """How tags are to be read; null: the scheme is guessed, the variants are the usual ones."""

    scheme: Scheme | None = None
    variants: Annotated[list[Glob], Field(max_length=100)] | None = None


@router.put("/notes")
async def describe(
    caller: Called,
    repository: Where,
    tag: Annotated[str, Query(max_length=128)],
    wanted: Notes,
) -> Notes:
    """Write what a version brings, or what is planned for it."""
    where = Repository(repository)
    await caller.allow(Action.PUSH, where)
    try:
        name = Tag.parse(tag)
    except OCIError as error:
        raise Problem(422, error.message) from None
    given = {Kind.DESCRIPTION: wanted.description, Kind.PLAN: wanted.plan}
    notes = [(kind, text.strip()) for kind, text in given.items() if text is not None]
    by = caller.by()

    def write(db: Connection) -> bool:
        place = _place(db, where)
        return all(version_notes.write(db, place, name, note, by=by) for note in notes)

    if not await caller.registry.database.write(write):
        raise Problem(404, f"there is no tag {tag} in {repository}")
    return wanted


@router.get("/scheme")
async def scheme(caller: Called, repository: Where) -> Reading:
    """How the tags of a repository are read."""
    return reading(await order_of(caller, Repository(repository)))


@router.put("/scheme")
async def set_scheme(caller: Called, repository: Where, wanted: Wanted) -> Reading:
    """Have the tags of a repository read so from now on."""
    where = Repository(repository)
    await caller.allow(Action.CONFIGURE, where)
    variants = None if wanted.variants is None else tuple(wanted.variants)
    await _set(caller, where, Read(wanted.scheme and wanted.scheme.value, variants))
    return reading(await order_of(caller, where))


async def _set(caller: Caller, repository: Repository, wanted: Read) -> None:
    by = caller.by()

    def write(db: Connection) -> None:
        version_notes.set_reading(db, _place(db, repository), wanted, by)

    keeping = partial(floating.keeping, repository=repository, act=write, by=by)
    await caller.registry.database.write(keeping)


def _place(db: Connection, repository: Repository) -> version_notes.Place:
    number = repositories.identify(db, repository)
    if number is None:
        raise unknown(repository)
    return number, repository
