"""What can be in the way of a promotion or a rollback."""

from collections.abc import Sequence

from entrepot.db.stays import Stay
from entrepot.versions.checks import Check


class UnknownError(Exception):
    """There is no such repository, version or channel."""


class RefusedError(Exception):
    """Gates refuse."""

    def __init__(self, what: str, refusals: Sequence[Check]) -> None:
        self.what = what
        self.refusals = tuple(refusals)
        self.channel = ""
        told = "; ".join(f"{each.gate}: {each.says} - {each.how}" for each in refusals)
        super().__init__(f"{what}: {told}")


class MovedError(Exception):
    """The channel is not as the caller has seen it: somebody was faster."""

    def __init__(self, what: str, now: Stay | None) -> None:
        self.now = now
        super().__init__(what)
