"""Docker's notifications, as its registry sends them: an envelope with events, here always one.

It knows pushes and deletes, and nothing of what a tag pointed to before.
Source: https://distribution.github.io/distribution/about/notifications/
"""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from entrepot.db.changes import Kind
from entrepot.upkeep.webhooks.event import PING, Event

CONTENT_TYPE = "application/vnd.docker.distribution.events.v1+json"

_ACTIONS: dict[str, str] = {
    Kind.PUSHED: "push",
    Kind.TAGGED: "push",
    Kind.PROMOTED: "push",
    Kind.ROLLED_BACK: "push",
    Kind.RESTORED: "push",
    Kind.UNTAGGED: "delete",
    Kind.DELETED: "delete",
    Kind.REPOSITORY_DELETED: "delete",
    Kind.BLOB_DELETED: "delete",
    PING: "ping",
}
KINDS = frozenset(_ACTIONS) - {PING}
"""What can be said in this format."""


def write(event: Event, base: str) -> bytes:
    """An envelope; `base` is the registry's own address, "" where it does not know."""
    host = urlsplit(base).netloc
    document = {
        "id": event.id,
        "timestamp": datetime.fromtimestamp(event.at, UTC).isoformat().replace("+00:00", "Z"),
        "action": _ACTIONS.get(event.kind, event.kind),
        "target": _target(event, base),
        "request": {"host": host} if host else {},
        "actor": {"name": event.actor.partition(":")[2] or event.actor},
        "source": {"addr": host},
    }
    return json.dumps({"events": [document]}, ensure_ascii=False).encode()


def _target(event: Event, base: str) -> dict[str, Any]:
    found: dict[str, Any] = {"repository": event.repository}
    if event.digest:
        found["digest"] = event.digest
        what = "blobs" if event.kind == Kind.BLOB_DELETED else "manifests"
        found["url"] = f"{base}/v2/{event.repository}/{what}/{event.digest}"
    if event.tag:
        found["tag"] = event.tag
    if event.media_type:
        found |= {"mediaType": event.media_type, "size": event.size, "length": event.size}
    return found
