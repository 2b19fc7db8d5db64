"""Grants: never used, unused for long, or wider than their use, as the audit saw it.

Pulls from public projects need no grant and stand in no audit. Roles for the registry as a whole
are not judged by use of repositories; nor is it seen whether an owner uses more than a maintainer.
"""

from collections.abc import Iterable, Iterator, Mapping

from entrepot.auth import pattern
from entrepot.auth.roles import ACTIONS, SYSTEM, Role
from entrepot.db import grants, groups, usage
from entrepot.db.connection import Connection
from entrepot.db.grants import Grant
from entrepot.upkeep.review.finding import Finding, Severity, days

Did = Mapping[str, set[str]]
"""By repository, what was done there."""

_NARROWER = (Role.READER, Role.WRITER, Role.MAINTAINER)


def findings(db: Connection, now: float, seconds: float) -> Iterator[Finding]:
    """Of grants that are older than so many seconds; younger ones had no time to be used."""
    uses, names = usage.uses(db, now - seconds), usage.repositories(db)
    for grant in grants.every(db):
        if now - grant.created_at <= seconds or Role(grant.role) in SYSTEM:
            continue
        if (grant.used_at or 0) < now - seconds:
            yield _unused(grant, now)
            continue
        did = _done(uses, _actors(db, grant.subject), grant.pattern)
        yield from _wide_role(grant, did, seconds)
        yield from _wide_pattern(grant, did, names, seconds)


def _unused(grant: Grant, now: float) -> Finding:
    last = grant.used_at or grant.created_at
    kind = "unused grant" if grant.used_at else "grant never used"
    text = f"{_told(grant)}, {'not' if grant.used_at else 'never'} used for {days(now - last)}"
    advice = f"entrepot grant remove {grant.id}"
    return Finding(kind, Severity.WARNING, f"grant {grant.id}", f"{text}: {advice}", last)


def _actors(db: Connection, subject: str) -> list[str]:
    """Who acts by a grant to this subject."""
    kind, _, name = subject.partition(":")
    return [f"user:{user}" for user in groups.members(db, name)] if kind == "group" else [subject]


def _done(uses: usage.Uses, actors: Iterable[str], where: str) -> Did:
    found: dict[str, set[str]] = {}
    for actor in actors:
        for repository, did in uses.get(actor, {}).items():
            if pattern.covers(where, repository):
                found[repository] = found.get(repository, set()) | did
    return found


def _wide_role(grant: Grant, did: Did, seconds: float) -> Iterator[Finding]:
    actions = set().union(*did.values())
    for role in _NARROWER:
        if not actions or grant.role in (role, Role.OWNER):
            return
        if actions <= ACTIONS[role]:
            text = f"only {_list(sorted(actions))} seen within {days(seconds)}: {role} would do"
            yield _wider(grant, f"{_told(grant)}, {text}")
            return


def _wide_pattern(
    grant: Grant, did: Did, names: Iterable[str], seconds: float
) -> Iterator[Finding]:
    meant = [name for name in names if pattern.covers(grant.pattern, name)]
    used = sorted(did)
    if not used or len(meant) <= len(used):
        return
    text = f"used within {days(seconds)} only in {_list(used)}, of {len(meant)} repositories"
    yield _wider(grant, f"{_told(grant)}, {text}: give a narrower one")


def _wider(grant: Grant, text: str) -> Finding:
    subject = f"grant {grant.id}"
    return Finding("grant wider than its use", Severity.NOTICE, subject, text, grant.created_at)


def _told(grant: Grant) -> str:
    return f"{grant.subject} is {grant.role} on {grant.pattern}"


def _list(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
