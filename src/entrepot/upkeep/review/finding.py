"""`Finding`: what someone should look at, and what to do about it."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How soon to look at it."""

    NOTICE = "notice"
    """Right as it is, where it is meant so."""
    WARNING = "warning"
    CRITICAL = "critical"
    """Something stops working within days, or has."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing."""

    kind: str
    severity: Severity
    subject: str
    """Whom or what it is about: user:alice, grant 7, project:team, a file."""
    text: str
    """What is found, and what to do."""
    since: float | None = None
    """Seconds since 1970."""

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        since = None if self.since is None else datetime.fromtimestamp(self.since, UTC)
        return {**asdict(self), "since": since.isoformat() if since else None}


def days(seconds: float) -> str:
    """A duration in words."""
    number = round(seconds / 86400)
    return "1 day" if number == 1 else f"{number} days"
