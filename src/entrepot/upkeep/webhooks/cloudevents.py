"""CloudEvents 1.0 in structured mode: one JSON document, with the event's context in it.

A type begins with `entrepot.`, as Harbor's begin with `harbor.`: the specification wants a reversed
domain name there only as far as one is owned. An id is the change's, so with the source it is
unique, and the same each time that the event is sent.
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import json
from datetime import UTC, datetime
from typing import Any

from entrepot.upkeep.webhooks.event import PING, Event

CONTENT_TYPE = "application/cloudevents+json"


def write(event: Event, base: str) -> bytes:
    """An event; `base` is the registry's own address, "" where it does not know."""
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": _source(event, base),
        "type": f"entrepot.{event.name}",
        "time": datetime.fromtimestamp(event.at, UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": _data(event),
    }
    if event.reference:
        document["subject"] = event.reference
    return json.dumps(document, ensure_ascii=False).encode()


def _source(event: Event, base: str) -> str:
    return f"{base}/api/v1" if event.kind == PING else f"{base}/v2/{event.repository}"


def _data(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "repository": event.repository,
        "tag": event.tag,
        "digest": event.new,
        "previous": event.old,
        "mediaType": event.media_type,
        "size": event.size,
        "actor": event.actor,
        "reason": event.reason,
    }
