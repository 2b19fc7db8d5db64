"""Upstreams: other registries that projects stand for. They are an admin's: whoever names one has
this registry go out, and decides whose login it shows there.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from fastapi import APIRouter, Body, Response
from pydantic import SecretStr

from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import (
    After,
    IfMatch,
    Limit,
    Page,
    check_match,
    moment,
    paged,
    tagged,
)
from entrepot.admin.problem import Problem
from entrepot.admin.upstream_models import NewUpstream, Upstream, UpstreamChange
from entrepot.db import fetches, projects, upstreams
from entrepot.db.audit import Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.projects import Project
from entrepot.db.upstreams import Upstream as Row
from entrepot.upstream.clouds import login
from entrepot.upstream.clouds.account import Account
from entrepot.upstream.place import UpstreamError

T = TypeVar("T")

router = APIRouter(prefix="/upstreams", tags=["upstreams"])

_DOCKER_HUB = {"registry-1.docker.io", "index.docker.io"}


def _shown(caller: Caller, row: Row) -> Upstream:
    return Upstream(
        project=row.project,
        url=row.url,
        hosts=list(row.hosts),
        kind=row.kind,
        login=row.login,
        has_password=bool(row.secret or row.locked),
        ca=row.ca,
        tag_seconds=row.tag_seconds,
        allow=list(row.allow),
        deny=list(row.deny),
        pinned=list(row.pinned),
        largest=row.largest,
        everything=row.everything,
        trouble=locked(row) or caller.registry.cache.trouble(row),
        trouble_since=moment(caller.registry.cache.troubled_at(row)),
        pulls_left=caller.registry.cache.pulls_left(row),
        created_at=moment(row.created_at),
        created_by=row.created_by,
    )


def refuse_locked(row: Account, password: SecretStr | None) -> None:
    """What cannot be opened is not written anew, unless it is given once more."""
    if (why := login.locked(row)) and password is None:
        raise Problem(422, f"{why}; give it again, or an empty one")


def locked(row: Account) -> str:
    """What to do about a password that cannot be opened; "" where it can."""
    why = login.locked(row)
    return f"{why}; give that key, or the password again" if why else ""


def _required(db: Connection, project: str) -> Row:
    found = upstreams.find(db, project)
    if found is None:
        raise Problem(404, f"project {project[:255]!r} stands for no other registry")
    return found


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[Upstream]:
    """All upstreams, by their projects."""
    rows = await caller.read(lambda db: upstreams.listed(db, after, limit + 1))
    found = [_shown(caller, row) for row in rows]
    return Page.model_validate(paged(found, limit, "project"))


@router.post("", status_code=201)
async def create(
    caller: Called, wanted: Annotated[NewUpstream, Body()], response: Response
) -> Upstream:
    """Have a project stand for another registry; unless it adopts them, it may have no images."""
    given = wanted.model_dump(exclude={"password", "adopt"})
    by = caller.actor.subject
    row = _row(Row(wanted.project, "", created_by=by), given, wanted.password)
    if not row.hosts:
        row = replace(row, hosts=(_usual(row.url),))

    def write(db: Connection) -> Row:
        if upstreams.stands(db, row.project):
            raise Problem(409, f"project {row.project} stands for another registry already")
        if projects.find(db, row.project) is None:
            projects.create(db, Project(row.project), by)
        if not wanted.adopt and projects.repositories(db, row.project, "", 1):
            raise Problem(
                409,
                f"project {row.project} has images of its own: take another name, or adopt "
                "them, if they may be given up as others that are kept from there",
            )
        return _put(db, row)

    made = await _change(caller, "upstream create", row.project, write, **_told(given))
    return tagged(response, _shown(caller, made))


@router.get("/{project}")
async def show(caller: Called, project: str, response: Response) -> Upstream:
    """An upstream."""
    row = await caller.read(lambda db: _required(db, project))
    return tagged(response, _shown(caller, row))


@router.patch("/{project}")
async def update(
    caller: Called,
    project: str,
    wanted: Annotated[UpstreamChange, Body()],
    response: Response,
    if_match: IfMatch = None,
) -> Upstream:
    """Change an upstream. What is kept stays; where its address changes, tags are compared anew."""
    given = wanted.model_dump(exclude_unset=True, exclude={"password"})
    given = {name: each for name, each in given.items() if each is not None or name == "largest"}

    def write(db: Connection) -> Row:
        before = _required(db, project)
        check_match(if_match, _shown(caller, before))
        refuse_locked(before, wanted.password)
        row = _row(before, given, wanted.password)
        if row.url != before.url:
            if before.secret and wanted.password is None:  # it was meant for another host
                raise Problem(422, "give the password again, or an empty one: the address changes")
            fetches.forget(db, project)
        return _put(db, row)

    changed = await _change(caller, "upstream change", project, write, **_told(given))
    return tagged(response, _shown(caller, changed))


@router.delete("/{project}", status_code=204)
async def delete(caller: Called, project: str, if_match: IfMatch = None) -> Response:
    """Have a project stand for nothing any more. It keeps what it has, and takes pushes."""

    def write(db: Connection) -> None:
        check_match(if_match, _shown(caller, _required(db, project)))
        upstreams.remove(db, project)

    await _change(caller, "upstream delete", project, write)
    return Response(status_code=204)


@router.post("/{project}/check")
async def check(caller: Called, project: str) -> Upstream:
    """Ask the registry whether it answers and takes the login; `trouble` says why it does not."""
    row = await caller.read(lambda db: _required(db, project))
    why = locked(row) or await caller.registry.cache.greet(row)
    return _shown(caller, row).model_copy(update={"trouble": why})


def _usual(url: str) -> str:
    """What images of a registry begin with."""
    host = urlsplit(url).netloc.lower()
    return "docker.io" if host in _DOCKER_HUB else host


_LISTS = ("hosts", "allow", "deny", "pinned")


def _row(before: Row, given: dict[str, Any], password: SecretStr | None) -> Row:
    fields: dict[str, Any] = {
        name: tuple(each) if name in _LISTS else each for name, each in given.items()
    }
    if password is not None:
        fields |= {"secret": password.get_secret_value(), "locked": ""}
    row = replace(before, **fields)
    return replace(row, login=who(row))


def who(account: Account) -> str:
    """As whom it logs in; a problem where it cannot, also at an address that it is moved to."""
    try:
        return login.who(account)
    except UpstreamError as error:
        raise Problem(422, str(error)) from None


def _told(given: dict[str, Any]) -> dict[str, Any]:
    """What the audit says of it."""
    return {name: each for name, each in given.items() if name not in ("ca", "project")}


def _put(db: Connection, row: Row) -> Row:
    for host in row.hosts:
        other = upstreams.hosts(db).get(host, row.project)
        if other != row.project:
            raise Problem(409, f"project {other} stands for {host} already")
        if host != row.project and projects.find(db, host):  # whose images nobody could pull then
            raise Problem(
                409, f"there is a project {host}: CRI-O could not tell it from the registry"
            )
    try:
        upstreams.put(db, row)
    except sqlite3.IntegrityError:
        raise Problem(409, "the same host is named twice") from None
    return _required(db, row.project)


async def _change(
    caller: Caller, what: str, project: str, write: Callable[[Connection], T], **detail: Any
) -> T:
    """Whatever was kept ready of the project's answers is not so any more."""
    event = Event(what, caller.by(), reference=f"upstream:{project}", detail=detail)

    def both(db: Connection) -> T:
        result = write(db)
        record_access(db, event, project)
        return result

    return await caller.registry.database.write(both)
