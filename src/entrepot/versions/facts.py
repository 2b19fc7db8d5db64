"""Facts: all that gates ask about a version on its way into a channel, as values.

They are gathered in the transaction that promotes (`gathering`), so what was decided by them is so
when it is done. Next: `checks`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from entrepot.db.bad_versions import BadVersion
from entrepot.db.freezes import Freeze
from entrepot.db.reports import Report
from entrepot.db.stays import Stay


class Way(Enum):
    """Which way a version is from the one that is in the channel."""

    FORWARD = "newer"
    BACKWARD = "older"
    UNKNOWN = "neither of both is read as a version"


@dataclass(frozen=True, slots=True)
class Voice:
    """Someone's approval, and whether it counts."""

    actor: str
    objection: str = ""
    """Why it does not count; "" where it does."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known; times are seconds since 1970."""

    repository: str
    version: str
    """The tag, or the digest where it was named by that."""
    digest: str
    channel: str
    now: float
    actor: str
    """Who promotes."""
    holds_role: bool = True
    """Whether they have the role that the channel asks for."""
    before: str | None = None
    """The channel before; None for the first."""
    soaked: float | None = None
    """For how many seconds at once it was in the channel before; None where it never was."""
    in_before: bool = False
    """Whether it is there now."""
    occupant: Stay | None = None
    """What is in the channel now."""
    way: Way = Way.FORWARD
    voices: tuple[Voice, ...] = ()
    reports: Mapping[str, Report] = field(default_factory=dict)
    """By name, the newest."""
    artifacts: Mapping[str, bool] = field(default_factory=dict)
    """By type, whether the newest one says that all is well."""
    signers: frozenset[str] = frozenset()
    bad: BadVersion | None = None
    freezes: tuple[Freeze, ...] = ()
    """Those that hold for this channel now."""
