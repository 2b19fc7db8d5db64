"""How a `PullAccess` stands: what `kubectl get pullaccess` shows, and `kubectl wait` waits for."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from entrepot.kube.controller.access import PullAccess

_SHOWN = 3
_RENEWED = "Renewed"


def status(
    access: PullAccess,
    *,
    covered: Sequence[str],
    lost: Sequence[str],
    troubles: Sequence[str],
    soonest: float | None,
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """The status; `before` is the one that stands, whose time counts where nothing changed.

    `lost` are namespaces whose secret is to go, and could not be removed yet.
    """
    reason, message = "Incomplete" if troubles else _RENEWED, _message(covered, troubles)
    return {
        "observedGeneration": access.generation,
        "registries": ", ".join(each.host for each in access.sources),
        "namespaces": sorted({*covered, *lost}),
        "covered": len(covered),
        "expires": _moment(soonest) if soonest else None,
        "conditions": [_condition(reason, message, access.generation, before)],
    }


def unreadable(error: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The status of one that says what cannot be."""
    generation, before = document["metadata"]["generation"], document.get("status") or {}
    return {"conditions": [_condition("Invalid", error, generation, before)]}


def differs(wanted: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether it is worth writing."""
    return any(before.get(key) != value for key, value in wanted.items())


def _condition(
    reason: str, message: str, generation: int, before: Mapping[str, Any]
) -> dict[str, Any]:
    """Whether it is ready, and since when it is or is not."""
    condition = {
        "type": "Ready",
        "status": "True" if reason == _RENEWED else "False",
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
    }
    return {**condition, "lastTransitionTime": _since(condition, before)}


def _message(covered: Sequence[str], troubles: Sequence[str]) -> str:
    if not troubles:
        return f"{len(covered)} namespace{'' if len(covered) == 1 else 's'} can pull"
    more = len(troubles) - _SHOWN
    shown = "; ".join(troubles[:_SHOWN])
    return f"{shown}; and {more} more" if more > 0 else shown


def _since(condition: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    for each in before.get("conditions") or ():
        if each["type"] == condition["type"] and each["status"] == condition["status"]:
            return str(each["lastTransitionTime"])
    return _moment(datetime.now(UTC).timestamp())


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
