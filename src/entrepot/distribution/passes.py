"""Passes: this credential may pull from this repository, as was decided before.

They are what makes the fast path safe. Whatever bears on one and is not in its key, such as the
peer's address, must not bear on the decision: then no pass is given. All end when access changes.
"""

import math
import time
from collections import OrderedDict
from dataclasses import dataclass

from entrepot.auth.actor import Actor

_MOST = 10_000
"""Passes kept at once; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Lets one credential pull from one repository until it ends."""

    expires: float
    """Seconds since 1970."""
    actor: Actor
    private: bool
    """Whether each pull has to be written down."""


class Passes:
    """The passes of this process."""

    def __init__(self) -> None:
        self._given: OrderedDict[tuple[bytes, str], Pass] = OrderedDict()
        self._shown = b""
        """The credential that was shown last."""

    def clear(self) -> None:
        """Decide everything anew."""
        self._given.clear()

    def give(self, credential: bytes, repository: str, found: Pass) -> None:
        """Keep what was decided."""
        self._given[credential, repository] = found
        while len(self._given) > _MOST:
            self._given.popitem(last=False)

    def find(self, credential: bytes, repository: str) -> Pass | None:
        """The pass for a credential, exactly as the client wrote it; ask after `Resolved.get`."""
        if credential == self._shown:  # comparing is cheaper than hashing, and that one is hashed
            credential = self._shown
        else:
            self._shown = credential
        found = self._given.get((credential, repository))
        if found is None or (found.expires != math.inf and found.expires <= time.time()):
            return None
        return found
