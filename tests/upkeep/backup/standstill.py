"""A step at which somebody stands still, while others do something."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Standstill:
    """A `Show`: others do something when a step begins."""

    step: str
    others: Callable[[], object]

    def begin(self, what: str, total: int, unit: str) -> None:
        if what == self.step:
            self.others()

    def add(self, count: int) -> None:
        """Nobody looks."""
