"""Projects: who may see them, and on which terms one may come."""

import ipaddress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Response
from pydantic import AfterValidator, Field

from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import (
    After,
    Glob,
    IfMatch,
    Limit,
    Model,
    Page,
    Text,
    check_match,
    moment,
    tagged,
)
from entrepot.admin.problem import Problem
from entrepot.auth.roles import Action, Role
from entrepot.db import grants, immutable_rules, projects, trash
from entrepot.db.connection import Connection
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository

router = APIRouter(prefix="/projects", tags=["projects"])

_PAGE = 200


def _project_name(text: str) -> str:
    try:
        name = Repository.parse(text).name
    except OCIError:
        name = "/"
    if "/" in name:
        raise ValueError("a project is the first part of a repository's name, such as team")
    return name


def _network(text: str) -> str:
    found = ipaddress.ip_network(text, strict=False)
    mapped = found.network_address if found.version == 6 else None
    if mapped is not None and mapped.ipv4_mapped and found.prefixlen >= 96:  # whom it means
        return f"{mapped.ipv4_mapped}/{found.prefixlen - 96}"
    return str(found)


ProjectName = Annotated[str, AfterValidator(_project_name)]
Network = Annotated[str, AfterValidator(_network)]
Quota = Annotated[int, Field(ge=0, le=2**62)]
Seconds = Annotated[float, Field(gt=0, le=1e10)]
Immutable = Annotated[list[Glob], Field(max_length=100)]


class Project(Model):
    """A project as shown."""

    name: str
    public: bool
    """Whether anyone may pull."""
    description: str
    quota: int | None
    """Bytes; null for no limit."""
    read_only: bool
    networks: list[str]
    """Where there are any, requests from elsewhere are refused."""
    require_certificate: bool
    longest_token: float | None
    """Seconds that a token may live to be good here."""
    immutable: list[str]
    """Tags that nobody moves or deletes, as v*; /immutable-tags has all such rules."""
    created_at: datetime | None
    created_by: str


class NewProject(Model):
    """A project to be made; whoever makes it is its owner."""

    name: ProjectName
    public: bool = False
    description: Text = ""
    quota: Quota | None = None
    read_only: bool = False
    networks: list[Network] = Field(default_factory=list)
    require_certificate: bool = False
    longest_token: Seconds | None = None
    immutable: Immutable = Field(default_factory=list)


class ProjectChange(Model):
    """What is not given stays as it is."""

    public: bool | None = None
    description: Text | None = None
    quota: Quota | None = None
    read_only: bool | None = None
    networks: list[Network] | None = None
    require_certificate: bool | None = None
    longest_token: Seconds | None = None
    immutable: Immutable | None = None


def shown(db: Connection, project: projects.Project) -> Project:
    """A project as the API shows it."""
    rules = immutable_rules.of_project(db, project.name)
    return Project(
        name=project.name,
        public=project.public,
        description=project.description,
        quota=project.quota,
        read_only=project.read_only,
        networks=list(project.networks),
        require_certificate=project.certificate,
        longest_token=project.longest,
        immutable=immutable_rules.globs(rules, project.name),
        created_at=moment(project.created_at),
        created_by=project.created_by,
    )


def _required(db: Connection, name: str) -> projects.Project:
    found = projects.find(db, name)
    if found is None:
        raise unknown(name)
    return found


def unknown(name: str) -> Problem:
    """The problem of a project that is not here, or not for them to see."""
    return Problem(404, f"there is no project {name[:255]!r}, or you may not see it")


async def sees(caller: Caller, project: projects.Project) -> bool:
    """Whether they may know of it: it is public, theirs in some part, or all are to be seen."""
    if project.public or await caller.holds(Action.AUDIT):
        return True
    first, last = f"{project.name}/", f"{project.name}0"
    ranges = await caller.registry.guard.directory.readable(caller.actor)
    return any(low < last and (high >= first or high == project.name) for low, high in ranges)


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[Project]:
    """Projects by name, those that the caller may see."""
    found: list[projects.Project] = []
    last = after
    while len(found) <= limit:
        page = await caller.read(partial(projects.listed, after=last, limit=_PAGE))
        if not page:
            break
        last = page[-1].name
        found += [each for each in page if await sees(caller, each)]
    items = await caller.read(lambda db: [shown(db, each) for each in found[:limit]])
    more = len(found) > limit
    return Page(items=items, next=items[-1].name if more else None)


@router.post("", status_code=201)
async def create(
    caller: Called, wanted: Annotated[NewProject, Body()], response: Response
) -> Project:
    """Make a project; its maker becomes its owner."""
    subject = caller.actor.subject
    if wanted.quota is not None:
        await caller.require(Action.ADMINISTER)

    def write(db: Connection) -> Project:
        if projects.find(db, wanted.name):
            raise Problem(409, f"there is a project {wanted.name} already")
        made = projects.create(db, _as_row(wanted), subject)
        grants.add(db, subject, Role.OWNER, f"{wanted.name}/*", subject)
        immutable_rules.set_globs(db, wanted.name, wanted.immutable, by=subject)
        return shown(db, made)

    made = await caller.change("project create", f"project:{wanted.name}", write)
    return tagged(response, made)


def _as_row(wanted: NewProject) -> projects.Project:
    return projects.Project(
        wanted.name,
        wanted.public,
        wanted.description,
        wanted.quota,
        wanted.read_only,
        tuple(wanted.networks),
        wanted.require_certificate,
        wanted.longest_token,
    )


@router.get("/{project}")
async def show(caller: Called, project: str, response: Response) -> Project:
    """A project, where the caller may see it."""
    found = await caller.read(partial(_required, name=project))
    if not await sees(caller, found):
        raise unknown(project)
    return tagged(response, await caller.read(partial(shown, project=found)))


_NAMES = {"require_certificate": "certificate", "longest_token": "longest"}
_NULL = {"quota", "longest_token"}
"""What may be taken away by null; elsewhere null is as if it were not given."""


@router.patch("/{project}")
async def update(
    caller: Called,
    project: str,
    wanted: Annotated[ProjectChange, Body()],
    response: Response,
    if_match: IfMatch = None,
) -> Project:
    """Change settings and policies."""
    given = wanted.model_dump(exclude_unset=True)
    given = {name: each for name, each in given.items() if each is not None or name in _NULL}
    if "quota" in given:
        await caller.require(Action.ADMINISTER)
    fields = {_NAMES.get(name, name): each for name, each in given.items()}
    globs = fields.pop("immutable", None)
    if "networks" in fields:
        fields["networks"] = tuple(fields["networks"])

    def write(db: Connection) -> Project:
        found = _required(db, project)
        check_match(if_match, shown(db, found))
        if globs is not None:
            immutable_rules.set_globs(db, project, globs, by=caller.actor.subject)
        return shown(db, projects.update(db, replace(found, **fields)))

    changed = await caller.change("project change", f"project:{project}", write, **given)
    return tagged(response, changed)


@router.delete("/{project}", status_code=204)
async def delete(caller: Called, project: str, if_match: IfMatch = None) -> Response:
    """Delete a project that has no images, with the grants on it."""

    def write(db: Connection) -> None:
        check_match(if_match, shown(db, _required(db, project)))
        if projects.repositories(db, project, "", 1):
            raise Problem(409, f"{project} has images: delete them first")
        if count := trash.of_project(db, project):  # else whoever makes it anew could restore them
            raise Problem(409, f"the trash has {count} things of {project}: purge them first")
        projects.remove(db, project)

    await caller.change("project delete", f"project:{project}", write)
    return Response(status_code=204)


@router.get("/{project}/repositories")
async def repositories(
    caller: Called, project: str, after: After = "", limit: Limit = 100
) -> Page[str]:
    """Names of repositories that hold images, those that the caller may pull from."""
    found: list[str] = []
    last = after
    while len(found) <= limit:
        query = partial(projects.repositories, name=project, after=last, limit=_PAGE)
        page = await caller.read(query)
        if not page:
            break
        last = page[-1]
        found += [name for name in page if await caller.pulls(name)]
    items = found[:limit]
    return Page(items=items, next=items[-1] if len(found) > limit else None)
