"""Upstreams: other registries that projects stand for. They are an admin's: whoever names one has
this registry go out, and decides whose login it shows there.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from fastapi import APIRouter, Body, Response
from pydantic import AfterValidator, Field, SecretStr

from entrepot import addresses
from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import (
    After,
    IfMatch,
    Limit,
    Model,
    Page,
    Pattern,
    check_match,
    moment,
    paged,
    tagged,
)
from entrepot.admin.problem import Problem
from entrepot.admin.projects import ProjectName
from entrepot.auth import pattern
from entrepot.auth.oidc.answer import OutboundError
from entrepot.auth.oidc.outbound import trust
from entrepot.db import fetches, projects, upstreams
from entrepot.db.audit import Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.projects import Project
from entrepot.db.upstreams import Kind
from entrepot.db.upstreams import Upstream as Row
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Tag
from entrepot.upstream.clouds import login
from entrepot.upstream.clouds.account import Account
from entrepot.upstream.place import UpstreamError

T = TypeVar("T")

router = APIRouter(prefix="/upstreams", tags=["upstreams"])


_PAGES = {"docker.io", "hub.docker.com", "www.docker.com"}
_DOCKER_HUB = {"registry-1.docker.io", "index.docker.io"}


def _url(text: str) -> str:
    found = addresses.url(text)
    parts = urlsplit(found)
    if parts.hostname in _PAGES:
        raise ValueError("the registry of Docker Hub is https://registry-1.docker.io")
    if parts.scheme == "http" and not addresses.is_this_machine(parts.netloc):
        raise ValueError("write https://HOST: without TLS only this machine itself is asked")
    return found


def _host(text: str) -> str:
    name = text.lower()
    if addresses.read_host(name) is None or not (set(name) & set(".:") or name == "localhost"):
        raise ValueError("write HOST or HOST:PORT, such as docker.io")  # others are projects' names
    return name


def _pin(text: str) -> str:
    of, colon, tag = text.partition(":")
    pattern.parse(of)
    if colon:
        _check_tag(tag)
    return text


def _check_tag(text: str) -> None:
    """All of a tag, or its beginning with a *."""
    if text != pattern.ANY:
        try:
            Tag.parse(text.removesuffix(pattern.ANY))
        except OCIError as error:
            raise ValueError(error.message) from None


def _ca(text: str) -> str:
    try:
        trust(text or None)
    except OutboundError as error:
        raise ValueError(str(error)) from None
    return text


Url = Annotated[str, Field(max_length=2048), AfterValidator(_url)]
Hosts = Annotated[list[Annotated[str, AfterValidator(_host)]], Field(max_length=100)]
Patterns = Annotated[list[Pattern], Field(max_length=100)]
Pins = Annotated[list[Annotated[str, AfterValidator(_pin)]], Field(max_length=100)]
Seconds = Annotated[float, Field(ge=0, le=30 * 24 * 3600)]
Size = Annotated[int, Field(ge=1, le=2**62)]
Login = Annotated[str, Field(max_length=1000)]
Password = Annotated[SecretStr, Field(max_length=64 * 1024)]
Ca = Annotated[str, Field(max_length=64 * 1024), AfterValidator(_ca)]


class NewUpstream(Model):
    """Another registry, and the project that is to stand for it, which is made where need be."""

    project: ProjectName
    url: Url
    """https://HOST[:PORT] of the registry itself."""
    hosts: Hosts = Field(default_factory=list)
    """Under which names nodes ask for its images; the host of the URL where there are none, or
    docker.io for Docker Hub's.
    """
    kind: Kind = Kind.PLAIN
    """ecr and google for Amazon's and Google's, whose logins are traded for others, and renewed."""
    login: Login = ""
    """A user's name there; of ecr, an access key's id; of google, what its key says."""
    password: Password = SecretStr("")
    """The user's; of ecr, the access key's secret; of google, a service account's key, in JSON.

    Of both, where there is none, the server's own identity logs in.
    """
    ca: Ca = ""
    """PEM of a private CA, in place of the system's."""
    tag_seconds: Seconds = 300
    """After which a tag is compared with the registry again."""
    allow: Patterns = Field(default_factory=list)
    """Which of its repositories may be fetched, by their names there; all where there are none."""
    deny: Patterns = Field(default_factory=list)
    """Which may not."""
    pinned: Pins = Field(default_factory=list)
    """Which are never given up, when the project's quota is nearly used up; maybe with a tag or the
    beginning of one: library/nginx:1.29*
    """
    largest: Size | None = None
    """Bytes of an image; null for no limit."""
    adopt: bool = False
    """Whether images that the project has count as kept from there, and are given up as such."""
    everything: bool = False
    """Whether all platforms are fetched with an index."""


class UpstreamChange(Model):
    """What to change; what is left out stays."""

    url: Url | None = None
    hosts: Hosts | None = None
    login: Login | None = None
    password: Password | None = None
    ca: Ca | None = None
    tag_seconds: Seconds | None = None
    allow: Patterns | None = None
    deny: Patterns | None = None
    pinned: Pins | None = None
    largest: Size | None = None
    """Null takes the limit away."""
    everything: bool | None = None


class Upstream(Model):
    """An upstream as shown; never with its password."""

    project: str
    url: str
    hosts: list[str]
    kind: Kind
    login: str
    has_password: bool
    ca: str
    tag_seconds: float
    allow: list[str]
    deny: list[str]
    pinned: list[str]
    largest: int | None
    everything: bool
    trouble: str
    """Why it is not asked at present, or not logged in at, as the process that answers knows; ""
    where it is.
    """
    trouble_since: datetime | None
    """Since when it does not answer, or lets us not in; null where it does."""
    pulls_left: int | None
    """How many more it allows, as it said last to the process that answers."""
    created_at: datetime | None
    created_by: str


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
