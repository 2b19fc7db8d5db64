"""How a `PullAccess` stands: what `kubectl get pullaccess` shows, and `kubectl wait` waits for."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from entrepot.kube.controller.access import PullAccess

_SHOWN = 3


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
    ready = not troubles
    condition = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "reason": "Renewed" if ready else "Incomplete",
        "message": _message(covered, troubles),
        "observedGeneration": access.generation,
    }
    return {
        "observedGeneration": access.generation,
        "registries": ", ".join(each.host for each in access.sources),
        "namespaces": sorted({*covered, *lost}),
        "covered": len(covered),
        "expires": _moment(soonest) if soonest else None,
        "conditions": [{**condition, "lastTransitionTime": _since(condition, before)}],
    }


def unreadable(error: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """The status of one that says what cannot be."""
    before = document.get("status") or {}
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": "Invalid",
        "message": error,
        "observedGeneration": document["metadata"]["generation"],
    }
    return {"conditions": [{**condition, "lastTransitionTime": _since(condition, before)}]}


def differs(wanted: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether it is worth writing."""
    return any(before.get(key) != value for key, value in wanted.items())


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
