"""Checks: the one pure function that decides whether a version may come into a channel.

Each gate that the channel has gives one check, in the order of the table below; those that did not
pass say what is missing and how to get it. All are told at once. Next: `promotion` does it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from entrepot.versions import windows
from entrepot.versions.facts import Facts, Way
from entrepot.versions.gates import Gates


@dataclass(frozen=True, slots=True)
class Check:
    """How a version stands at a gate."""

    gate: str
    passed: bool
    says: str
    how: str = ""
    """What to do about it, where it did not pass."""


def checks(facts: Facts, gates: Gates) -> list[Check]:
    """How a version stands at each gate of a channel."""
    return [found for look in _GATES for found in look(facts, gates)]


def decide(facts: Facts, gates: Gates) -> list[Check]:
    """The gates that refuse; none where it may be promoted."""
    return [each for each in checks(facts, gates) if not each.passed]


def _role(facts: Facts, gates: Gates) -> Iterator[Check]:
    says = f"{facts.actor} is {'' if facts.holds_role else 'not '}{gates.role} here"
    how = f"ask one, or an owner: entrepot grant add {facts.actor} {gates.role} {facts.repository}"
    yield Check("role", facts.holds_role, says, how)


def _bad(facts: Facts, _gates: Gates) -> Iterator[Check]:
    bad = facts.bad
    if bad is None:
        yield Check("bad", True, "it is not marked as bad")
        return
    why = f": {bad.reason}" if bad.reason else ""
    says = f"it was marked as bad by {bad.actor} on {_day(bad.at)}{why}"
    how = f"a maintainer frees it: entrepot bad free {facts.repository} {facts.version}"
    yield Check("bad", False, says, how)


def _order(facts: Facts, gates: Gates) -> Iterator[Check]:
    if facts.before is None or gates.skip:
        return
    been = facts.soaked is not None
    says = f"it was {'' if been else 'never '}in {facts.before}"
    yield Check("order", been, says, f"promote it there first: {_promote(facts, facts.before)}")


def _soak(facts: Facts, gates: Gates) -> Iterator[Check]:
    if not gates.soak or facts.before is None:
        return
    soaked = facts.soaked or 0.0
    asked = f"{_length(gates.soak)} are asked for"
    says = f"it was in {facts.before} for {_length(soaked)}, and {asked}"
    if facts.in_before:
        how = f"wait until {_moment(facts.now + gates.soak - soaked)}"
    else:
        how = f"have it there for that long: {_promote(facts, facts.before)}"
    yield Check("soak", soaked >= gates.soak, says, how)


def _approvals(facts: Facts, gates: Gates) -> Iterator[Check]:
    if not gates.approvals:
        return
    counted = [each.actor for each in facts.voices if not each.objection]
    others = [
        f"that of {each.actor} does not count: {each.objection}"
        for each in facts.voices
        if each.objection
    ]
    by = f" ({', '.join(counted)})" if counted else ""
    says = f"{len(counted)} of {gates.approvals} approvals are there{by}"
    how = (
        f"have people who are {gates.approver_role} here say: entrepot approve "
        f"{facts.repository} {facts.version} --to {facts.channel}"
    )
    passed = len(counted) >= gates.approvals
    yield Check("approvals", passed, "; ".join([says, *others]), how)


def _reports(facts: Facts, gates: Gates) -> Iterator[Check]:
    for name in gates.reports:
        found = facts.reports.get(name)
        how = f"entrepot report post {facts.repository} {facts.version} --name {name} --passed"
        gate = f"report {name}"
        if found is None:
            yield Check(gate, False, f"there is no report of {name}", f"post it: {how}")
            continue
        what = "passed" if found.passed else "failed"
        link = f", {found.url}" if found.url else ""
        says = f"{name} {what}: said {found.actor} at {_moment(found.at)}{link}"
        yield Check(gate, found.passed, says, f"mend it; or, where it passed since: {how}")


def _artifacts(facts: Facts, gates: Gates) -> Iterator[Check]:
    for kind in gates.artifacts:
        found = facts.artifacts.get(kind)
        told = {None: "nothing of this type is attached", False: "the newest says that it failed"}
        how = f"oras attach --artifact-type {kind} REGISTRY/{facts.repository}@{facts.digest} FILE"
        yield Check(f"artifact {kind}", found is True, told.get(found, "it is attached"), how)


def _signatures(facts: Facts, gates: Gates) -> Iterator[Check]:
    for signer in gates.signed_by:
        signed = signer in facts.signers
        says = f"it is {'' if signed else 'not '}signed by {signer}"
        how = f"sign {facts.repository}@{facts.digest} as {signer}, and push the signature"
        yield Check(f"signature {signer}", signed, says, how)


def _window(facts: Facts, gates: Gates) -> Iterator[Check]:
    if not gates.windows:
        return
    asked = f"{facts.channel} is open {' and '.join(gates.windows)}"
    try:
        found = [windows.parse(text) for text in gates.windows]
    except ValueError as error:
        yield Check("window", False, f"{asked}: {error}", "set it anew: entrepot channel gate")
        return
    how = f"wait until {_moment(min(window.opens(facts.now) for window in found))}"
    passed = windows.open_at(found, facts.now)
    yield Check("window", passed, f"{asked}, and it is {_moment(facts.now)}", how)


def _freeze(facts: Facts, _gates: Gates) -> Iterator[Check]:
    for freeze in facts.freezes:
        until = f" until {_moment(freeze.until)}" if freeze.until is not None else ""
        why = f": {freeze.reason}" if freeze.reason else ""
        says = f"{freeze.scope} {freeze.channel} is frozen{until} by {freeze.created_by}{why}"
        how = f"wait, or thaw it: entrepot channel thaw {freeze.scope} {freeze.channel}"
        yield Check("freeze", False, says, how)


def _forward(facts: Facts, gates: Gates) -> Iterator[Check]:
    if not gates.only_forward or facts.occupant is None:
        return
    there = facts.occupant.version
    words = {
        Way.FORWARD: f"{facts.version} is newer than {there}",
        Way.BACKWARD: f"{facts.version} is older than {there}, which is there",
        Way.UNKNOWN: f"{facts.version} and {there}, which is there, are not both read as versions",
    }
    how = f"go back: entrepot rollback {facts.repository} --channel {facts.channel}"
    how = {Way.UNKNOWN: "name it by a tag that is a version"}.get(facts.way, how)
    yield Check("forward", facts.way is Way.FORWARD, words[facts.way], how)


_GATES: tuple[Callable[[Facts, Gates], Iterator[Check]], ...] = (
    _role,
    _bad,
    _order,
    _soak,
    _approvals,
    _reports,
    _artifacts,
    _signatures,
    _window,
    _freeze,
    _forward,
)


def _promote(facts: Facts, channel: str) -> str:
    return f"entrepot promote {facts.repository} {facts.version} --to {channel}"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%a %Y-%m-%d %H:%M UTC")


def _day(at: float) -> str:
    return str(datetime.fromtimestamp(at, UTC).date())


def _length(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} seconds"
