"""Gates, walked as a table: what refuses, and that all that do are told at once."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from entrepot.auth.roles import Role
from entrepot.db.bad_versions import BadVersion
from entrepot.db.freezes import Freeze
from entrepot.db.reports import Report
from entrepot.db.stays import Stay
from entrepot.versions.checks import checks, decide
from entrepot.versions.facts import Facts, Voice, Way
from entrepot.versions.gates import NO_GATES, Gates, read

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
"""On a Thursday."""

DIGEST = f"sha256:{'a' * 64}"
HOUR = 3600.0
FACTS = Facts("team/app", "1.4.2", DIGEST, "prod", NOON, "user:ann", before="test", soaked=HOUR)
THERE = Stay(1, "prod", DIGEST, "1.4.1", 0, "user:bob", "", None, None, kept=True)
BAD = BadVersion(DIGEST, "1.4.2", "it leaks", "user:bob", NOON)
FREEZE = Freeze("team", "prod", NOON + HOUR, "sale", NOON, "user:bob")
NO_END = replace(FREEZE, until=None, reason="")
OPEN, SHUT = ("mon-fri 09:00-16:00 UTC",), ("sat,sun 09:00-16:00 UTC",)


def report(name: str, *, passed: bool) -> dict[str, Report]:
    return {name: Report(1, DIGEST, name, passed, "https://ci/1", "robot:ci", NOON)}


REFUSED: dict[str, tuple[Gates, dict[str, Any], str]] = {
    "nothing is asked": (NO_GATES, {}, ""),
    "who has not the role": (NO_GATES, {"holds_role": False}, "role"),
    "what is bad": (NO_GATES, {"bad": BAD}, "bad"),
    "what was never in the channel before": (NO_GATES, {"soaked": None}, "order"),
    "unless that is not asked for": (Gates(skip=True), {"soaked": None}, ""),
    "the first channel has none before": (NO_GATES, {"before": None, "soaked": None}, ""),
    "too short a soak": (Gates(soak=2 * HOUR), {"in_before": True}, "soak"),
    "too short, and it has left": (Gates(soak=2 * HOUR), {}, "soak"),
    "just long enough a soak": (Gates(soak=HOUR), {}, ""),
    "a soak though order is not asked for": (
        Gates(soak=HOUR, skip=True),
        {"soaked": None},
        "soak",
    ),
    "no approval": (Gates(approvals=1), {}, "approvals"),
    "one of two": (Gates(approvals=2), {"voices": (Voice("user:bob"),)}, "approvals"),
    "two of two": (Gates(approvals=2), {"voices": (Voice("user:bob"), Voice("user:cy"))}, ""),
    "one that does not count": (
        Gates(approvals=1),
        {"voices": (Voice("user:bob", "they pushed it themselves"),)},
        "approvals",
    ),
    "no report": (Gates(reports=("tests",)), {}, "report tests"),
    "a failed one": (
        Gates(reports=("tests",)),
        {"reports": report("tests", passed=False)},
        "report tests",
    ),
    "a passed one": (Gates(reports=("tests",)), {"reports": report("tests", passed=True)}, ""),
    "a passed one of another name": (
        Gates(reports=("tests", "scan")),
        {"reports": report("scan", passed=True)},
        "report tests",
    ),
    "nothing attached": (Gates(artifacts=("x/y",)), {}, "artifact x/y"),
    "attached, and failed": (
        Gates(artifacts=("x/y",)),
        {"artifacts": {"x/y": False}},
        "artifact x/y",
    ),
    "attached": (Gates(artifacts=("x/y",)), {"artifacts": {"x/y": True}}, ""),
    "not signed by each": (
        Gates(signed_by=("qa", "release")),
        {"signers": frozenset({"qa"})},
        "signature release",
    ),
    "signed by each": (
        Gates(signed_by=("qa", "release")),
        {"signers": frozenset({"qa", "release", "other"})},
        "",
    ),
    "in a window": (Gates(windows=OPEN), {}, ""),
    "in one of two": (Gates(windows=SHUT + OPEN), {}, ""),
    "outside": (Gates(windows=SHUT), {}, "window"),
    "a zone that is not here any more": (
        Gates(windows=("daily 09:00-10:00 No/Zone",)),
        {},
        "window",
    ),
    "frozen": (NO_GATES, {"freezes": (FREEZE,)}, "freeze"),
    "frozen twice": (NO_GATES, {"freezes": (FREEZE, NO_END)}, "freeze freeze"),
    "forward": (Gates(only_forward=True), {"occupant": THERE}, ""),
    "back": (Gates(only_forward=True), {"occupant": THERE, "way": Way.BACKWARD}, "forward"),
    "nobody knows where": (
        Gates(only_forward=True),
        {"occupant": THERE, "way": Way.UNKNOWN},
        "forward",
    ),
    "into an empty one": (Gates(only_forward=True), {"way": Way.UNKNOWN}, ""),
    "back, where it is not asked": (NO_GATES, {"occupant": THERE, "way": Way.BACKWARD}, ""),
    "all at once": (
        Gates(
            approvals=1,
            reports=("tests",),
            artifacts=("x/y",),
            signed_by=("qa",),
            soak=9 * HOUR,
            windows=SHUT,
            only_forward=True,
        ),
        {
            "holds_role": False,
            "bad": BAD,
            "soaked": None,
            "freezes": (FREEZE,),
            "occupant": THERE,
            "way": Way.BACKWARD,
        },
        (
            "role bad order soak approvals report tests artifact x/y signature qa window "
            "freeze forward"
        ),
    ),
}


@pytest.mark.parametrize(("gates", "given", "refused"), REFUSED.values(), ids=REFUSED)
def test_what_refuses(gates: Gates, given: dict[str, Any], refused: str) -> None:
    found = decide(replace(FACTS, **given), gates)
    assert " ".join(each.gate for each in found) == refused
    assert all(each.says and each.how for each in found)
    passed = [each for each in checks(replace(FACTS, **given), gates) if each.passed]
    assert {each.gate for each in passed}.isdisjoint({each.gate for each in found})


WORDS: dict[str, tuple[Gates, dict[str, Any], str, str]] = {
    "role": (
        NO_GATES,
        {"holds_role": False},
        "user:ann is not maintainer here",
        "ask one, or an owner: entrepot grant add user:ann maintainer team/app",
    ),
    "bad": (
        NO_GATES,
        {"bad": BAD},
        "it was marked as bad by user:bob on 2026-11-26: it leaks",
        "a maintainer frees it: entrepot bad free team/app 1.4.2",
    ),
    "soak": (
        Gates(soak=2 * HOUR),
        {"in_before": True},
        "it was in test for 60 minutes, and 2 hours are asked for",
        "wait until Thu 2026-11-26 13:00 UTC",
    ),
    "approvals": (
        Gates(approvals=2, approver_role=Role.READER),
        {"voices": (Voice("user:bob"), Voice("user:cy", "they pushed it themselves"))},
        (
            "1 of 2 approvals are there (user:bob); "
            "that of user:cy does not count: they pushed it themselves"
        ),
        "have people who are reader here say: entrepot approve team/app 1.4.2 --to prod",
    ),
    "report tests": (
        Gates(reports=("tests",)),
        {"reports": report("tests", passed=False)},
        "tests failed: said robot:ci at Thu 2026-11-26 12:00 UTC, https://ci/1",
        (
            "mend it; or, where it passed since: "
            "entrepot report post team/app 1.4.2 --name tests --passed"
        ),
    ),
    "window": (
        Gates(windows=SHUT),
        {},
        "prod is open sat,sun 09:00-16:00 UTC, and it is Thu 2026-11-26 12:00 UTC",
        "wait until Sat 2026-11-28 09:00 UTC",
    ),
    "freeze": (
        NO_GATES,
        {"freezes": (FREEZE,)},
        "team prod is frozen until Thu 2026-11-26 13:00 UTC by user:bob: sale",
        "wait, or thaw it: entrepot channel thaw team prod",
    ),
    "forward": (
        Gates(only_forward=True),
        {"occupant": THERE, "way": Way.BACKWARD},
        "1.4.2 is older than 1.4.1, which is there",
        "go back: entrepot rollback team/app --channel prod",
    ),
}


@pytest.mark.parametrize("gate", WORDS)
def test_what_it_says_and_how_to_get_it(gate: str) -> None:
    gates, given, says, how = WORDS[gate]
    [found] = decide(replace(FACTS, **given), gates)
    assert (found.gate, found.says, found.how) == (gate, says, how)


def test_gates_are_kept_as_json() -> None:
    assert NO_GATES.document() == {}
    gates = Gates(Role.OWNER, 2, Role.READER, ("tests",), soak=60, windows=OPEN, only_forward=True)
    assert gates.document()["reports"] == ["tests"]
    assert read(gates.document()) == gates
    assert read({"of a later version": 1}) == NO_GATES
