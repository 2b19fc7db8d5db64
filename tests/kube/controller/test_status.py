"""What a `PullAccess` says of itself."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.kube.controller.accesses import access, document, source

from entrepot.kube.controller.status import differs, status, unreadable

ACCESS = access(registries=[source("b.test"), source("a.test")])
LONG_AGO = "2020-01-01T00:00:00Z"


def said(
    *troubles: str,
    covered: tuple[str, ...] = ("b", "a"),
    lost: tuple[str, ...] = (),
    soonest: float | None = None,
    before: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return status(
        ACCESS,
        covered=covered,
        lost=lost,
        troubles=troubles,
        soonest=soonest,
        before=before or {},
    )


def stood(ready: str, kind: str = "Ready") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": ready, "lastTransitionTime": LONG_AGO}]}


def test_ready() -> None:
    found = said(soonest=1_700_000_000.7)
    (condition,) = found.pop("conditions")
    assert found == {
        "observedGeneration": 3,
        "registries": "b.test, a.test",
        "namespaces": ["a", "b"],
        "covered": 2,
        "expires": "2023-11-14T22:13:20Z",
    }
    since = datetime.fromisoformat(condition.pop("lastTransitionTime"))
    assert abs((datetime.now(UTC) - since).total_seconds()) < 60
    assert condition == {
        "type": "Ready",
        "status": "True",
        "reason": "Renewed",
        "message": "2 namespaces can pull",
        "observedGeneration": 3,
    }


def test_nothing_expires_where_nothing_is() -> None:
    assert said(covered=())["expires"] is None


def test_a_namespace_is_named_until_its_secret_is_gone() -> None:
    found = said(lost=("c", "a"))
    assert (found["namespaces"], found["covered"]) == (["a", "b", "c"], 2)


MESSAGES: dict[tuple[str, ...], str] = {
    ("one",): "one",
    ("one", "two", "three"): "one; two; three",
    ("one", "two", "three", "four", "five"): "one; two; three; and 2 more",
}


@pytest.mark.parametrize("troubles", MESSAGES, ids=len)
def test_troubles(troubles: tuple[str, ...]) -> None:
    (condition,) = said(*troubles)["conditions"]
    assert (condition["status"], condition["reason"]) == ("False", "Incomplete")
    assert condition["message"] == MESSAGES[troubles]


@pytest.mark.parametrize(
    ("before", "troubles", "stays"),
    [
        (stood("True"), (), True),
        (stood("False"), ("no",), True),
        (stood("False"), (), False),
        (stood("True"), ("no",), False),
        (stood("True", "Other"), (), False),
        ({"conditions": None}, (), False),
    ],
    ids=["ready", "not ready", "now ready", "no longer", "another condition", "none"],
)
def test_since_when(before: dict[str, Any], troubles: tuple[str, ...], stays: bool) -> None:
    (condition,) = said(*troubles, before=before)["conditions"]
    assert (condition["lastTransitionTime"] == LONG_AGO) is stays


@pytest.mark.parametrize(("ready", "stays"), [("False", True), ("True", False)])
def test_what_cannot_be_read(ready: str, stays: bool) -> None:
    found = unreadable("no such time", {**document(), "status": stood(ready)})
    (condition,) = found["conditions"]
    assert (condition.pop("lastTransitionTime") == LONG_AGO) is stays
    assert condition == {
        "type": "Ready",
        "status": "False",
        "reason": "Invalid",
        "message": "no such time",
        "observedGeneration": 3,
    }


def test_what_cannot_be_read_stood_nowhere_before() -> None:
    assert unreadable("no", document())["conditions"][0]["lastTransitionTime"] > LONG_AGO


def test_what_is_worth_writing() -> None:
    first = said()
    again = said(before=first)
    assert not differs(again, {**first, "more": "of somebody else's"})
    assert differs(said("no", before=first), first)
    assert differs(said(covered=("a",), before=first), first)
    assert differs(first, {})
