"""`State`: how a version stands, in one word, and where. Pure.

A version may be several things at once; the word is what somebody must know first.
"""

from enum import StrEnum

from entrepot.db.running import Use, Uses
from entrepot.versions.standing import Standing


class State(StrEnum):
    """How a version stands; of several that hold the first one counts."""

    BAD = "bad"
    """Somebody said so: it is promoted nowhere."""
    DEPLOYED = "deployed"
    """A cluster runs it; or it is in the last channel."""
    ROLLED_BACK = "rolled back"
    KEPT = "kept"
    """It ran before, and could be gone back to."""
    SUPERSEDED = "superseded"
    APPROVED = "approved"
    """For a channel that it is not in yet."""
    TESTING = "testing"
    """In a channel, and not in the last one."""
    NEW = "new"


NOWHERE = Standing()


def state_of(standing: Standing, uses: Uses = ()) -> State:
    """The state by what promotions wrote, and by what clusters have of it."""
    if standing is NOWHERE and not uses:
        return State.NEW
    now = _now(uses)
    back = [each for each in now if each.state == "rollback"]
    holds = {
        State.BAD: standing.bad is not None,
        State.DEPLOYED: len(now) > len(back) or (standing.channels and not standing.testing),
        State.ROLLED_BACK: standing.rolled_back,
        State.KEPT: standing.kept or back,
        State.SUPERSEDED: standing.superseded,
        State.APPROVED: standing.approved,
        State.TESTING: standing.testing,
    }
    return next((state for state, held in holds.items() if held), State.NEW)


def where(standing: Standing, uses: Uses = ()) -> tuple[str, ...]:
    """Its channels, then the workloads that run it or would run it again."""
    now = [each for each in _now(uses) if each.state != "rollback"]
    runs = [f"{each.cluster}:{each.namespace}/{each.workload}" for each in now]
    return (*standing.channels, *dict.fromkeys(runs))


def _now(uses: Uses) -> list[Use]:
    """Workloads that have it, or need it, now; of channels the standing tells."""
    return [each for each in uses if not each.past and not each.in_channel]
