"""Gathering: the facts of a version on its way into a channel, read in one transaction."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.auth.actor import Actor
from entrepot.auth.held import holds_role, person_holds
from entrepot.db import (
    approvals,
    bad_versions,
    channels,
    freezes,
    referrers,
    reports,
    stays,
    version_notes,
)
from entrepot.db.channels import Channel
from entrepot.db.connection import Connection
from entrepot.db.grants import Grant
from entrepot.db.reports import Report
from entrepot.db.stays import Candidate, Stay
from entrepot.db.trash import Place
from entrepot.signatures import valid
from entrepot.versions import reading
from entrepot.versions.errors import UnknownError
from entrepot.versions.facts import Facts, Voice, Way
from entrepot.versions.gates import Gates, read
from entrepot.versions.reading import VARIANTS, Scheme

RESULT = "io.entrepot.result"
"""The annotation by which an artifact says that what it is about has failed."""

FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Promoter:
    """Who promotes, with their grants on the repository, as the directory has them."""

    actor: Actor
    grants: Sequence[Grant]


@dataclass(frozen=True, slots=True)
class Target:
    """A channel of a repository, and the one before it."""

    place: Place
    channel: Channel
    gates: Gates
    """What the channel asks for."""
    before: Channel | None

    @property
    def name(self) -> str:
        """How the channel is written as an image."""
        return f"{self.place[1]}:{self.channel.name}"


def target(db: Connection, place: Place, name: str) -> Target:
    """A channel by its name. Raises `UnknownError`, which says which there are."""
    found = channels.of(db, place[1])
    at = next((number for number, each in enumerate(found) if each.name == name), None)
    if at is None:
        there = ", ".join(each.name for each in found)
        how = f"its channels are {there}" if found else f"entrepot channel set {place[1]} dev prod"
        raise UnknownError(f"{place[1]} has no channel {name}: {how}")
    before = found[at - 1] if at else None
    return Target(place, found[at], read(found[at].gates), before)


def gather(db: Connection, where: Target, came: Candidate, by: Promoter) -> Facts:
    """All that the channel's gates ask about."""
    gates, digest = where.gates, came.digest
    (number, repository), channel = where.place, where.channel
    now, before = time.time(), where.before
    occupant = stays.current(db, number, channel.name)
    there = stays.current(db, number, before.name) if before else None
    frozen = freezes.of(db, repository)
    return Facts(
        repository=repository.name,
        version=came.version,
        digest=digest,
        channel=channel.name,
        now=now,
        actor=by.actor.subject,
        holds_role=holds_role(by.actor, gates.role, by.grants, repository),
        before=before.name if before else None,
        soaked=stays.longest(db, number, before.name, digest, now) if before else None,
        in_before=there is not None and there.digest == digest,
        occupant=occupant,
        way=_way(db, number, came.version, occupant) if gates.only_forward else Way.FORWARD,
        voices=_voices(db, where, came) if gates.approvals else (),
        reports=_reports(db, number, digest) if gates.reports else {},
        artifacts=_artifacts(db, number, digest, gates),
        signers=valid.signers(db, where.place, digest) if gates.signed_by else frozenset(),
        bad=bad_versions.find(db, number, digest),
        freezes=tuple(each for each in frozen if each.channel == channel.name),
    )


def _way(db: Connection, number: int, version: str, occupant: Stay | None) -> Way:
    """By the scheme that is set for the repository, or else by the one that reads both."""
    if occupant is None:
        return Way.FORWARD
    said = version_notes.reading(db, number)
    variants = VARIANTS if said.variants is None else said.variants
    tags = version, occupant.version
    scheme = Scheme(said.scheme) if said.scheme else reading.guess(tags, variants)
    if scheme is Scheme.TEXT:
        return Way.UNKNOWN
    one, other = (reading.read(tag, scheme, variants) for tag in tags)
    if one is None or other is None:
        return Way.UNKNOWN
    return Way.FORWARD if one.precedence >= other.precedence else Way.BACKWARD


def _voices(db: Connection, where: Target, came: Candidate) -> tuple[Voice, ...]:
    """Who approved, and whose word counts as grants and accounts stand now."""
    (number, repository), channel = where.place, where.channel.name
    pushers = approvals.pushers(db, repository.name, came.digest, came.version)

    def objection(actor: str) -> str:
        if actor in pushers:
            return "they pushed it themselves"
        return person_holds(db, actor, where.gates.approver_role, repository)

    found = approvals.of(db, number, came.digest, channel)
    return tuple(Voice(each.actor, objection(each.actor)) for each in found)


def _reports(db: Connection, number: int, digest: str) -> dict[str, Report]:
    """The newest of each name."""
    return {each.name: each for each in reversed(reports.of(db, number, digest))}


def _artifacts(db: Connection, number: int, digest: str, gates: Gates) -> dict[str, bool]:
    found = {kind: referrers.newest(db, number, digest, kind) for kind in gates.artifacts}
    return {
        kind: annotations.get(RESULT) != FAILED
        for kind, annotations in found.items()
        if annotations is not None
    }
