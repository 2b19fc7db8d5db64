"""Retention of tags and manifests: what the rules of a repository take goes to the trash.

Each deletion is a transaction of its own, which looks again: a tag that was moved since the plan
was made stays, one that has become immutable or runs in a cluster too, and a manifest that
something has come to keep.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from entrepot.auth import pattern
from entrepot.db import (
    floating_rules,
    idle,
    immutable,
    immutable_rules,
    manifests,
    repositories,
    retention,
    running,
    tags,
)
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.idle import Idle
from entrepot.db.repositories import EVERYTHING
from entrepot.db.retention import Rule
from entrepot.db.running import words
from entrepot.db.trash import Keep
from entrepot.db.writer import Write
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository, Tag, attached_to
from entrepot.upkeep.tag_rules import DAY, Decision, Rules, Seen, plan
from entrepot.versions import floating

BY = By("entrepot", via="retention")
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Going:
    """A manifest that nothing keeps and that has been so for long enough."""

    found: Idle
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a repository."""

    repository: Repository
    tags: list[Decision]
    manifests: list[Going] = field(default_factory=list)


def rules_of(rule: Rule) -> Rules:
    """The rules of a row."""
    given = dict(rule.rules)
    return Rules(**{**given, "keep_tags": tuple(given.get("keep_tags", ()))})


def applying(every: Sequence[Rule], repository: str) -> Rule | None:
    """The rule with the most specific pattern that means a repository."""
    found = [rule for rule in every if pattern.covers(rule.pattern, repository)]
    return max(found, key=lambda rule: len(rule.pattern), default=None)


def look(db: Connection, repository: Repository, rules: Rules) -> Plan:
    """What would become of a repository now."""
    now = time.time()
    seen = [Seen(*row) for row in retention.tags(db, repository)]
    kept = running.of(db, repository)
    needed = {tag.name: uses for tag in seen if (uses := kept.of_tag(tag.name, tag.digest))}
    why = {tag.name: _BESIDE for tag in seen if _is_beside(db, repository, tag.name)}
    why |= {name: words(uses) for name, uses in needed.items()}
    why |= {name: f"it floats with {stands}" for name, stands in _floating(db, repository).items()}
    fates = plan(seen, rules, now, immutable_rules.of(db, repository), why)
    going = _going(db, repository, rules, now)
    return Plan(repository, fates, [each for each in going if not kept.of(each.found.digest)])


_BESIDE = "it goes with its image"


def _is_beside(db: Connection, repository: Repository, tag: str) -> bool:
    """Whether cosign made the tag, for an image's signatures, and the image is here."""
    digest = attached_to(tag)
    return digest is not None and manifests.holds(db, repository, digest)


def _floating(db: Connection, repository: Repository) -> dict[str, str]:
    """The tags that the registry itself moves, and what they stand for: they go by no rule."""
    number = repositories.identify(db, repository)
    if number is None or floating_rules.of(db, repository) is None:
        return {}
    return floating_rules.floating(db, number)


def _going(db: Connection, repository: Repository, rules: Rules, now: float) -> list[Going]:
    if rules.untagged_days is None and rules.dangling_days is None:
        return []
    going = []
    for each in retention.loose(db, repository):
        days = rules.dangling_days if each.dangling else rules.untagged_days
        if days is None or now - each.found.since < days * DAY:
            continue
        pulled = rules.keep_pulled_days
        if (
            pulled is not None
            and each.pulled_at is not None
            and now - each.pulled_at < pulled * DAY
        ):
            continue
        what = "its subject is gone" if each.dangling else "no tag, index or subject keeps it"
        going.append(Going(each.found, f"{what}, for {days:g} days"))
    return going


async def retain(database: Database, keep_seconds: float, after: str = "") -> tuple[int, str]:
    """Do what the rules say of the next repository behind `after`; how much went, and its name,
    "" where it was the last.
    """
    every = await database.read(retention.every)
    if not every:
        return 0, ""
    following = partial(repositories.catalog, ranges=EVERYTHING, after=after, limit=1)
    names = await database.read(following)
    if not names:
        return 0, ""
    rule = applying(every, names[0])
    if rule is None:
        return 0, names[0]
    found = await database.scan(
        partial(look, repository=Repository.parse(names[0]), rules=rules_of(rule))
    )
    return await apply(database, found, keep_seconds), names[0]


async def apply(database: Database, found: Plan, keep_seconds: float) -> int:
    """Delete what a plan says, where it still stands so; how much that was."""
    count = 0
    for decision in found.tags:
        if not decision.keep:
            take = partial(_take_tag, found.repository, decision, keep_seconds)
            count += await _taken(database, take)
    for going in found.manifests:
        count += await _taken(database, partial(_take_manifest, going, keep_seconds))
    return count


async def _taken(database: Database, take: Write[bool]) -> bool:
    """Whether it went; what is refused stays, and holds up nothing else."""
    try:
        return await database.write(take)
    except OCIError as error:
        if error.code is not Code.DENIED:
            raise
        return False


def _take_tag(repository: Repository, decision: Decision, seconds: float, db: Connection) -> bool:
    seen = decision.tag
    if not retention.stands(db, repository, seen.name, seen.digest, seen.pushed_at):
        return False
    if immutable.holds(db, repository, seen.name) or seen.name in _floating(db, repository):
        return False
    if running.of(db, repository).of_tag(seen.name, seen.digest):
        return False
    if _is_beside(db, repository, seen.name):
        return False
    keep, tag = Keep(seconds, decision.why), Tag.parse(seen.name)
    remove = partial(tags.remove, repository=repository, tag=tag, keep=keep, by=BY)
    return floating.keeping(db, repository, remove, by=BY) is not None


def _take_manifest(going: Going, seconds: float, db: Connection) -> bool:
    found = going.found
    again = idle.loose(db, found.repository, _before(found.digest), 1)
    if not again or again[0].digest != found.digest or again[0].since != found.since:
        return False
    if running.of(db, found.repository).of(found.digest):
        return False
    keep, digest = Keep(seconds, going.why), Digest.parse(found.digest)
    return manifests.remove(db, found.repository, digest, keep=keep, by=BY) is not None


def _before(digest: str) -> str:
    """A text behind which this digest is the next one."""
    return digest[:-1] + chr(ord(digest[-1]) - 1) + "\U0010ffff"
