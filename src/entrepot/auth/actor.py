"""`Actor`: who acts, however they showed it; and `Session`: what one credential is good for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from entrepot.db.secrets import Limits

NAME_PATTERN = r"[a-z0-9][a-z0-9._@-]{0,127}"
_name = re.compile(NAME_PATTERN).fullmatch
_nothing: Mapping[str, Any] = MappingProxyType({})

SUBJECTS = ("user", "group", "robot", "workload")
"""What a grant may be given to."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: user:alice, robot:ci, workload:production, or anonymous."""

    subject: str = "anonymous"
    subjects: tuple[str, ...] = ()
    """Whose grants count: the actor itself, and its groups."""
    via: str = ""
    """How they showed who they are: password, token laptop, certificate, …"""
    account: int | None = None
    secret: int | None = None
    limits: Limits | None = None
    """Less than the actor may: what a token was limited to."""
    life: float | None = None
    """Seconds that the token lives by which they came; None where it was no token."""
    detail: Mapping[str, Any] = field(default_factory=lambda: _nothing)
    """What else is known of them, such as a workload's namespace and pod; for the audit."""

    @property
    def known(self) -> bool:
        """Whether they showed who they are."""
        return self.subject != "anonymous"

    def __str__(self) -> str:
        return self.subject


ANONYMOUS = Actor()

ANYONE = Actor("anonymous", via="without accounts")
"""Whoever comes where there are no accounts: may pull, push and delete."""


@dataclass(frozen=True, slots=True)
class Session:
    """An actor, and the end of what they showed."""

    actor: Actor = ANONYMOUS
    access: Mapping[str, frozenset[str]] | None = None
    """By repository, the actions that a registry token carries; None where the grants count."""
    expires: float = float("inf")
    """Seconds since 1970 until when the credential need not be looked at again."""
    ends: float = float("inf")
    """Seconds since 1970 until when it is good; nothing that is made from it outlives it."""


NO_SESSION = Session()


def parse_name(text: str) -> str:
    """Check the name of an account or group. Raises ValueError."""
    if not _name(text):
        raise ValueError(
            f"{text[:130]!r} is no name: use 1 to 128 of a-z, 0-9, '.', '_', '@', '-', "
            "beginning with a letter or a digit"
        )
    return text


def parse_subject(text: str) -> str:
    """Check a subject such as user:alice. Raises ValueError."""
    kind, colon, name = text.partition(":")
    if not colon or kind not in SUBJECTS:
        raise ValueError(f"{text[:140]!r} is nobody: write user:, group:, robot: or workload:NAME")
    return f"{kind}:{parse_name(name)}"
