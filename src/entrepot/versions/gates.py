"""Gates: what a version must have before it may come into a channel. Pure.

They are kept as JSON with the channel (`db.channels`); what is not said is not asked for, but for
the role and the channel before. Next: `checks` decides.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from entrepot.auth.roles import Role
from entrepot.db.channels import KEEP

PROMOTERS = (Role.WRITER, Role.MAINTAINER, Role.OWNER)
"""Whom a channel may ask for."""

APPROVERS = (Role.READER, *PROMOTERS)


@dataclass(frozen=True, slots=True)
class Gates:
    """What a channel asks for."""

    role: Role = Role.MAINTAINER
    """Of whoever promotes, or rolls back."""
    approvals: int = 0
    """By so many people, none of whom pushed it."""
    approver_role: Role = Role.MAINTAINER
    reports: tuple[str, ...] = ()
    """Names of tests that must have passed."""
    artifacts: tuple[str, ...] = ()
    """Types of artifacts that must be attached, and not say that something failed."""
    signed_by: tuple[str, ...] = ()
    """Names of signers, each of whom must have signed it."""
    soak: float = 0
    """Seconds that it must have been in the channel before, at once."""
    windows: tuple[str, ...] = ()
    """When it is open; always, where there are none."""
    only_forward: bool = False
    """Only to newer versions; back it goes by a rollback."""
    skip: bool = False
    """Also for what was not in the channel before."""
    keep: int = KEEP
    """How many earlier versions are kept for a rollback."""

    def document(self) -> dict[str, Any]:
        """As it is kept: only what differs from what counts by itself."""
        bare = asdict(NO_GATES)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value != bare[name]
        }


NO_GATES = Gates()


def read(document: Mapping[str, Any]) -> Gates:
    """Gates as they were kept."""
    known = {each.name for each in fields(Gates)}
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in document.items()
        if name in known
    }
    for name in ("role", "approver_role"):
        if name in given:
            given[name] = Role(given[name])
    return Gates(**given)
