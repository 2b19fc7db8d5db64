"""An attempt: one message on its way to one receiver, and what came of it.

Whatever the receiver says beside its status is not looked at, kept or shown to anyone: else a
webhook could read what only this machine reaches.
"""

import time

from entrepot.auth.oidc.answer import OutboundError
from entrepot.auth.oidc.outbound import Outbound
from entrepot.db.deliveries import Outcome
from entrepot.db.webhooks import Webhook
from entrepot.upkeep.webhooks import message
from entrepot.upkeep.webhooks.event import Event

GONE = 410
"""The receiver says that it wants nothing any more."""


async def send(outbound: Outbound, hook: Webhook, event: Event, base: str, now: float) -> Outcome:
    """Send an event once."""
    written, began = message.write(hook, event, base, now), time.perf_counter()
    status, error = None, ""
    try:
        status = await outbound.deliver(hook.url, written.content, written.headers)
        error = _why(status)
    except OutboundError as refused:
        error = str(refused)
    took = time.perf_counter() - began
    return Outcome(now + took, took, status, error)


def _why(status: int) -> str:
    """Why an answer is no success; "" where it is one."""
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"it answered {status}: redirects are not followed"
    return f"it answered {status}"
