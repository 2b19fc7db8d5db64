"""`attempt`: a rollout to its end: it is through, undone, or left for somebody to mend."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from entrepot.kube.rollout.rollout import Failure, Rollout, Tell
from entrepot.kube.rollout.why import Why


class End(StrEnum):
    """How it came out."""

    DONE = "done"
    """The new image runs."""
    SAME = "same"
    """It ran already."""
    UNDONE = "undone"
    """The new one does not start; what ran before runs again."""
    FAILED = "failed"
    """The new one does not start, and is still what is wanted."""
    REPLACED = "replaced"
    """Somebody else has set another image meanwhile, and theirs stays."""
    STUCK = "stuck"
    """It was to be taken back, and what ran before does not come up either."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it came out, and why."""

    end: End
    why: Why | None = None
    """Why the new image does not run; None where it does."""
    back: str = ""
    """Why the way back did not end well; "" where it did, or was not taken."""


def attempt(
    rollout: Rollout, tell: Tell, explain: Callable[[Failure], Why], *, undo: bool
) -> Outcome:
    """Set what is not so yet, wait for it, and undo it where that is wished and needed.

    `explain` is asked while what failed is there. Raises `KubectlError` where nothing was changed.
    """
    is_so = not rollout.change.settings
    if not is_so:
        rollout.set()
    failure = rollout.watch(tell)
    if failure is None:
        return Outcome(End.SAME if is_so else End.DONE)
    if failure.replaced:
        return Outcome(End.REPLACED, Why(failure.words))
    why = explain(failure)
    if is_so or not undo:
        return Outcome(End.FAILED, why)
    stays = rollout.undo(tell)
    return Outcome(End.STUCK, why, stays.words) if stays else Outcome(End.UNDONE, why)
