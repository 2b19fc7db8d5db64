"""A message: what is sent for an event, in the format that its receiver wants."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from entrepot.db.webhooks import Webhook
from entrepot.upkeep.webhooks import cloudevents, docker, signature, slack
from entrepot.upkeep.webhooks.event import KINDS, Event


class Format(StrEnum):
    """How a webhook's receiver wants to be told."""

    CLOUDEVENTS = "cloudevents"
    DOCKER = "docker"
    SLACK = "slack"


_WRITERS: dict[str, tuple[str, Callable[[Event, str], bytes]]] = {
    Format.CLOUDEVENTS: (cloudevents.CONTENT_TYPE, cloudevents.write),
    Format.DOCKER: (docker.CONTENT_TYPE, docker.write),
    Format.SLACK: (slack.CONTENT_TYPE, slack.write),
}


@dataclass(frozen=True, slots=True)
class Message:
    """What goes over the wire."""

    content: bytes
    headers: dict[str, str]


def kinds(hook: Webhook) -> frozenset[str]:
    """The kinds of changes that a webhook is told of: those it wants, and its format can say."""
    sayable = docker.KINDS if hook.format == Format.DOCKER else frozenset(KINDS)
    return (hook.kinds or sayable) & sayable


def write(hook: Webhook, event: Event, base: str, now: float) -> Message:
    """The message for an event, signed at this time."""
    kind, writer = _WRITERS[hook.format]
    content = writer(event, base)
    signed = signature.headers(event.id, now, content, hook.signing(now))
    return Message(content, {"content-type": kind, **signed})
