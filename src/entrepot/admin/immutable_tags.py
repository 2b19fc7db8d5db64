"""Immutable tags: rules that say which tags hold still, in the repositories of a pattern."""

from datetime import datetime
from functools import partial
from typing import Annotated, Self

from fastapi import APIRouter, Body, Query, Response
from pydantic import AfterValidator, Field, TypeAdapter, model_validator

from entrepot.admin.caller import Called
from entrepot.admin.page import Glob, Model, Page, Pattern, RepositoryName, moment
from entrepot.admin.problem import Problem
from entrepot.auth import pattern as patterns
from entrepot.auth.roles import Action
from entrepot.db import floating_rules, immutable_rules, projects
from entrepot.db.connection import Connection
from entrepot.db.immutable_rules import LARGEST, MOST, Kind
from entrepot.oci.expression import MAX_LENGTH, Expression
from entrepot.oci.names import Repository

router = APIRouter(prefix="/immutable-tags", tags=["tags"])

_glob = TypeAdapter(Glob)


def _in_a_project(pattern: str) -> str:
    if patterns.project_of(pattern) is None:
        raise ValueError("rules lie in one project: write team, team/*, team/app-* or team/app")
    return pattern if "/" in pattern else f"{pattern}/*"


Within = Annotated[Pattern, AfterValidator(_in_a_project)]
"""Repositories of one project; team is all of it."""


def check_project(db: Connection, pattern: str) -> None:
    """Raise a problem where the project of such a pattern is not here."""
    project, _, _ = pattern.partition("/")
    if projects.find(db, project) is None:
        raise Problem(404, f"there is no project {project}: make it first")


class Rule(Model):
    """A rule: its tags are neither moved nor deleted, whoever asks."""

    id: int
    repositories: str
    kind: Kind
    tags: str
    """The glob or the regular expression; "" for the other kinds."""
    created_at: datetime | None
    """Null where it was set before that was kept."""
    created_by: str


class Made(Rule):
    """A rule that was made just now."""

    stops: list[str]
    """Tags that floated and hold still now, such as team/app:latest."""


class NewRule(Model):
    """A rule to be made."""

    repositories: Within
    kind: Kind
    tags: Annotated[str, Field(max_length=MAX_LENGTH)] = ""
    """Of kind glob: v*, release-?. Of kind regex: an expression that means whole tags."""

    @model_validator(mode="after")
    def check(self) -> Self:
        """Whether the tags are written as the kind wants them."""
        if self.kind is Kind.GLOB:
            _glob.validate_python(self.tags)
        elif self.kind is Kind.REGEX:
            Expression.parse(self.tags)
        elif self.tags:
            raise ValueError(f"{self.kind} means its tags by itself: leave out `tags`")
        return self


def shown(rule: immutable_rules.Rule) -> Rule:
    """A rule as the API shows it."""
    return Rule(
        id=rule.id,
        repositories=rule.repositories,
        kind=rule.kind,
        tags=rule.tags,
        created_at=moment(rule.created_at),
        created_by=rule.created_by,
    )


@router.get("")
async def index(
    caller: Called,
    repository: Annotated[
        RepositoryName | None, Query(description="Only rules that count for this one.")
    ] = None,
) -> Page[Rule]:
    """Rules that count for a repository; or all that the caller may set, or see as an auditor."""
    if repository is not None:
        where = Repository(repository)
        await caller.allow(Action.PULL, where)
        found = await caller.read(partial(immutable_rules.of, repository=where))
        return Page(items=[shown(rule) for rule in found])
    shows = await caller.overseen()
    every = await caller.read(immutable_rules.every)
    return Page(items=[shown(rule) for rule in every if shows(rule.repositories)])


@router.post("", status_code=201)
async def create(caller: Called, wanted: Annotated[NewRule, Body()]) -> Made:
    """Make a rule. It counts at once, for tags that are there already too; one that is there
    already stays as it is, with the name of whoever set it first.
    """
    await caller.require(Action.CONFIGURE, wanted.repositories)
    project, _, _ = wanted.repositories.partition("/")

    def write(db: Connection) -> Made:
        check_project(db, wanted.repositories)
        by = caller.actor.subject
        made = immutable_rules.add(db, wanted.repositories, wanted.kind, wanted.tags, by=by)
        rules = immutable_rules.of_project(db, project)
        if len(rules) > MOST:
            raise Problem(409, f"{project} has {MOST} rules already: take some away first")
        if sum(rule.size for rule in rules) > LARGEST:
            raise Problem(409, f"the expressions of {project} are too large together: write globs")
        return Made(**shown(made).model_dump(), stops=_stops(db, project, made))

    about = f"{wanted.repositories} {wanted.kind} {wanted.tags}".rstrip()
    return await caller.change("immutable add", about, write)


def _stops(db: Connection, project: str, rule: immutable_rules.Rule) -> list[str]:
    return [
        f"{repository}:{tag}"
        for repository, tag in floating_rules.floating_in(db, project)
        if patterns.covers(rule.repositories, repository.name) and rule.means(tag)
    ]


@router.delete("/{number}", status_code=204)
async def delete(caller: Called, number: int) -> Response:
    """Take a rule away: its tags may be moved and deleted again."""
    found = None
    if abs(number) < 2**62:
        found = await caller.read(partial(immutable_rules.find, number=number))
    if found is None or not await caller.holds(Action.CONFIGURE, found.repositories):
        raise Problem(404, f"there is no rule {number}, or you may not take it away")

    def write(db: Connection) -> None:
        if not immutable_rules.remove(db, number):
            raise Problem(404, f"there is no rule {number} any more")

    about = f"{found.repositories} {found.kind} {found.tags}".rstrip()
    await caller.change("immutable remove", about, write, rule=number, set_by=found.created_by)
    return Response(status_code=204)
