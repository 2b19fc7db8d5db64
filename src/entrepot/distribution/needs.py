"""The one table that says which action each method of each route needs; no route is left out.

Next: `guard` holds requests to it. The admin API has its own table (`admin.needs`).
"""

from enum import Enum

from entrepot.auth.roles import Action
from entrepot.distribution.router import Kind


class Open(Enum):
    """What needs no action on a repository."""

    ANYONE = "anyone"
    """Answers whoever asks."""
    LOGIN = "login"
    """Wants to know who asks, and takes anybody known."""
    FILTERED = "filtered"
    """Answers whoever asks with what they may see."""


Need = Action | Open

NEEDS: dict[Kind, dict[str, Need]] = {
    Kind.HOME: {"GET": Open.ANYONE},
    Kind.LIVEZ: {"GET": Open.ANYONE},
    Kind.READYZ: {"GET": Open.ANYONE},
    Kind.METRICS: {"GET": Open.ANYONE},
    Kind.KEYS: {"GET": Open.ANYONE},
    Kind.TOKEN: {"GET": Open.ANYONE, "POST": Open.ANYONE},  # it asks by itself, and hands out less
    Kind.BASE: {"GET": Open.LOGIN},
    Kind.CATALOG: {"GET": Open.FILTERED},
    Kind.TAGS: {"GET": Action.PULL},
    Kind.REFERRERS: {"GET": Action.PULL},
    # A tag that is there already takes MOVE as well: the transaction that would move it looks.
    Kind.MANIFEST: {"GET": Action.PULL, "PUT": Action.PUSH, "DELETE": Action.DELETE},
    Kind.BLOB: {"GET": Action.PULL, "DELETE": Action.DELETE},
    Kind.UPLOADS: {"POST": Action.PUSH},
    Kind.UPLOAD: {
        "GET": Action.PUSH,
        "PATCH": Action.PUSH,
        "PUT": Action.PUSH,
        "DELETE": Action.PUSH,
    },
}
"""By route and method; HEAD needs what GET needs."""
