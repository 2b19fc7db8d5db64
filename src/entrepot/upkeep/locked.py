"""`Locked`: rows whose secrets no key opens are worked without, and each is told of once."""

import logging
from typing import Protocol, TypeVar


class Lockable(Protocol):
    """A row that has a secret."""

    @property
    def locked(self) -> str:
        """Why that cannot be opened; "" where it can."""


T = TypeVar("T", bound=Lockable)


class Locked:
    """Which of some rows cannot be opened."""

    def __init__(self, log: logging.Logger, text: str) -> None:
        """The text takes the name of a row, and why it cannot be opened."""
        self._log, self._text = log, text
        self._told: set[str] = set()

    def opened(self, name: str, row: T | None) -> T | None:
        """The row of that name, where it is there and can be opened."""
        if row is None or not row.locked:
            self._told.discard(name)
            return row
        if name not in self._told:
            self._told.add(name)
            self._log.error(self._text, name, row.locked)
        return None
