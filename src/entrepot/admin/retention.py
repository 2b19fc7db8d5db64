"""Retention: rules by pattern, what they would take now, and why; and doing it at once."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import Glob, Model, Page, moment
from entrepot.admin.page import Pattern as Where
from entrepot.admin.problem import Problem
from entrepot.auth import pattern as patterns
from entrepot.auth.roles import Action
from entrepot.db import repositories, retention
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository
from entrepot.upkeep import tag_retention
from entrepot.upkeep.tag_retention import Plan
from entrepot.upkeep.tag_rules import Rules as Meant

router = APIRouter(prefix="/retention", tags=["retention"])

_MOST = 1000
"""Repositories of one plan."""

Count = Annotated[int, Field(ge=0, le=10**6)]
Days = Annotated[float, Field(ge=0, le=10**5)]


class Rules(Model):
    """What keeps a tag, each by itself; null where a rule is not set. A tag goes where some rule is
    about it and none keeps it.
    """

    keep_newest: Count | None = None
    """So many that were pushed last."""
    keep_days: Days | None = None
    """Those that were pushed within so many days."""
    keep_pulled_days: Days | None = None
    """Those that were pulled within so many days."""
    keep_tags: Annotated[list[Glob], Field(max_length=100)] = Field(default_factory=list)
    """Those that one of these patterns means, such as v* or release-*."""
    semver_patches: Count | None = None
    """So many newest patches of every minor version."""
    semver_minors: Count | None = None
    """Of so many newest minor versions only."""
    prerelease_days: Days | None = None
    """Pre-releases that were pushed within so many days."""
    untagged_days: Days | None = None
    """How long a manifest stays that no tag, index or subject keeps."""
    dangling_days: Days | None = None
    """How long a referrer stays whose subject is gone."""

    def meant(self) -> Meant:
        """As a plan takes them."""
        return Meant(**{**self.model_dump(), "keep_tags": tuple(self.keep_tags)})


class Rule(Model):
    """The rules for the repositories of a pattern; of several patterns the longest counts."""

    pattern: str
    rules: Rules
    created_at: datetime | None
    created_by: str


class TagFate(Model):
    """What becomes of a tag."""

    repository: str
    tag: str
    digest: str
    keep: bool
    why: str
    pushed_at: datetime | None
    pulled_at: datetime | None


class ManifestFate(Model):
    """A manifest that would go."""

    repository: str
    digest: str
    size: int
    why: str


class Planned(Model):
    """What rules would do now."""

    pattern: str
    repositories: int
    complete: bool
    """Whether all repositories were looked at."""
    tags: list[TagFate]
    manifests: list[ManifestFate]


class Applied(Model):
    """What was moved to the trash."""

    deleted: int


At = Annotated[Where, Query(description="Repositories, such as team/* or team/app.")]


def _shown(rule: retention.Rule) -> Rule:
    return Rule(
        pattern=rule.pattern,
        rules=Rules.model_validate(rule.rules),
        created_at=moment(rule.created_at),
        created_by=rule.created_by,
    )


@router.get("")
async def index(caller: Called) -> Page[Rule]:
    """All rules that the caller may set, or see as an auditor; by pattern."""
    shows = await caller.overseen()
    every = await caller.read(retention.every)
    return Page(items=[_shown(rule) for rule in every if shows(rule.pattern)])


@router.put("")
async def put(caller: Called, pattern: At, wanted: Annotated[Rules, Body()]) -> Rule:
    """Set the rules of a pattern, in place of those that it has."""
    await caller.require(Action.CONFIGURE, pattern)
    rules = wanted.meant().document()
    if not rules:
        raise Problem(422, "give at least one rule, or delete the rules of this pattern")
    by = caller.actor.subject
    write = partial(retention.put, pattern=pattern, rules=rules, by=by)
    return _shown(await caller.change("retention set", f"retention:{pattern}", write, **rules))


@router.delete("", status_code=204)
async def delete(caller: Called, pattern: At) -> Response:
    """Take the rules of a pattern away."""
    await caller.require(Action.CONFIGURE, pattern)

    def write(db: Connection) -> None:
        if not retention.remove(db, pattern):
            raise Problem(404, f"there are no rules for {pattern}")

    await caller.change("retention delete", f"retention:{pattern}", write)
    return Response(status_code=204)


@router.post("/plan")
async def plan(caller: Called, pattern: At, wanted: Annotated[Rules, Body()]) -> Planned:
    """What would go now, and why: by these rules, or where none is given by those that are set."""
    await caller.require(Action.CONFIGURE, pattern)
    tried = wanted if wanted.meant().document() else None
    plans, complete = await _plans(caller, pattern, tried)
    return Planned(
        pattern=pattern,
        repositories=len(plans),
        complete=complete,
        tags=[
            TagFate(
                repository=each.repository.name,
                tag=decision.tag.name,
                digest=decision.tag.digest,
                keep=decision.keep,
                why=decision.why,
                pushed_at=moment(decision.tag.pushed_at),
                pulled_at=moment(decision.tag.pulled_at),
            )
            for each in plans
            for decision in each.tags
        ],
        manifests=[
            ManifestFate(
                repository=each.repository.name,
                digest=going.found.digest,
                size=going.found.size,
                why=going.why,
            )
            for each in plans
            for going in each.manifests
        ],
    )


@router.post("/apply")
async def apply(caller: Called, pattern: At) -> Applied:
    """Do at once what the rules that are set say; it goes to the trash."""
    await caller.require(Action.CONFIGURE, pattern)
    plans, _ = await _plans(caller, pattern, None)
    seconds, count = caller.registry.terms.trash, 0
    for each in plans:
        count += await tag_retention.apply(caller.registry.database, each, seconds)
    return Applied(deleted=count)


async def _plans(caller: Caller, pattern: str, wanted: Rules | None) -> tuple[list[Plan], bool]:
    """A plan for each repository of the pattern; and whether that were all."""

    def ask(db: Connection) -> tuple[list[Plan], bool]:
        every, plans = retention.every(db), []
        if wanted:
            tried = retention.Rule(pattern, wanted.meant().document())
            every = [each for each in every if each.pattern != pattern] + [tried]
        ranges = patterns.ranges([pattern])
        names = repositories.catalog(db, ranges, "", _MOST + 1)
        for name in names[:_MOST]:
            rule = tag_retention.applying(every, name)
            if rule:
                rules = tag_retention.rules_of(rule)
                plans.append(tag_retention.look(db, Repository.parse(name), rules))
        return plans, len(names) <= _MOST

    return await caller.registry.database.scan(ask)
