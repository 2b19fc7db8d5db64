"""Settling: what is written down of an attempt, once it is decided what that means."""

from collections.abc import Callable
from functools import partial

from entrepot.db import deliveries, webhooks
from entrepot.db.audit import By, Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.deliveries import Delivery, Outcome
from entrepot.db.webhooks import Webhook
from entrepot.upkeep.webhooks.attempt import GONE
from entrepot.upkeep.webhooks.pace import Pace

_US = By("entrepot", via="webhooks")

Write = Callable[[Connection], None]


def settle(hook: Webhook, delivery: Delivery, outcome: Outcome, pace: Pace) -> tuple[str, Write]:
    """What came of it in a word (delivered, failed or dead), and what writes it down."""
    if not outcome.error:
        return "delivered", partial(deliveries.succeed, number=delivery.id, outcome=outcome)
    if outcome.lost or pace.gives_up(delivery.failed_at, outcome.at):
        return "dead", partial(deliveries.die, number=delivery.id, outcome=outcome)
    again = pace.again_at(delivery.attempts + 1, outcome.at)
    fail = partial(deliveries.fail, number=delivery.id, outcome=outcome, again_at=again)
    if outcome.status == GONE:
        return "failed", lambda db: _retire(db, hook, fail)
    return "failed", fail


def _retire(db: Connection, hook: Webhook, fail: Write) -> None:
    """A receiver that says that it is gone for good is asked no more, until somebody resumes it."""
    fail(db)
    if webhooks.pause(db, hook.id, f"its receiver answered {GONE}: it wants nothing any more"):
        record_access(db, Event("webhook pause", _US, reference=f"webhook:{hook.id}"))
