"""A sentence for a chat, as Slack's incoming webhooks take it, and Mattermost's likewise.

Names come from whoever pushes, so nothing of them is read as a mention or a link.
Source: https://api.slack.com/messaging/webhooks
"""

import json

from entrepot.db.changes import Kind
from entrepot.upkeep.webhooks.event import PING, Event

CONTENT_TYPE = "application/json"

_SHORT = 19
"""Of a digest: its algorithm and twelve digits."""


def write(event: Event, _base: str) -> bytes:
    """A message."""
    return json.dumps({"text": _escaped(_sentence(event))}, ensure_ascii=False).encode()


def _sentence(event: Event) -> str:
    if event.kind == PING:
        return f"Entrepot: {event.actor} tries this webhook"
    what = f"{event.repository}:{event.tag}" if event.tag else event.repository
    why = f" ({event.reason})" if event.reason else ""
    return f"{event.actor} {_done(event, what)}{why}"


def _done(event: Event, what: str) -> str:
    new, old = (event.new or "")[:_SHORT], (event.old or "")[:_SHORT]
    if event.kind == Kind.TAGGED:
        return f"moved {what} from {old} to {new}" if old else f"set {what} to {new}"
    words: dict[str, str] = {
        Kind.PUSHED: f"pushed {new} to {what}",
        Kind.PROMOTED: f"promoted {new} to {what}",
        Kind.ROLLED_BACK: f"rolled {what} back from {old} to {new}",
        Kind.UNTAGGED: f"deleted {what}, which was {old}",
        Kind.DELETED: f"deleted {old} from {what}",
        Kind.REPOSITORY_DELETED: f"deleted the repository {what}",
        Kind.BLOB_DELETED: f"deleted the blob {old} from {what}",
        Kind.RESTORED: f"restored {what}",
        Kind.DESCRIBED: f"described {what}",
        Kind.PLANNED: f"planned what becomes of {what}",
        Kind.SCHEME: f"said how the tags of {what} are read",
        Kind.QUARANTINED: f"found {old or new} of {what} damaged",
    }
    return words.get(event.kind, f"did this to {what}: {event.kind}")


def _escaped(text: str) -> str:
    """Slack reads three signs, and all its marks begin with one of them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
