"""What the audit says of use: who did what where, and who failed to log in. For a review.

Both read all rows since a time, so they want a thread and a connection of their own.
"""

from collections import defaultdict
from dataclasses import dataclass

from entrepot.db.connection import Connection

Uses = dict[str, dict[str, set[str]]]
"""By actor and repository, what they did there: pull, push, move, delete."""


def uses(db: Connection, since: float) -> Uses:
    """What actors did to repositories since then."""
    rows = db.execute(
        "select distinct actor, repository, case action when 'pull' then 'pull' "
        "when 'pushed' then 'push' when 'tagged' "
        "then case when replace(detail, '\"old\": ', '') = detail then 'push' else 'move' end "
        "else 'delete' end "
        "from audit where at >= ? and repository <> '' and result = 'ok' "
        "and action in ('pull', 'pushed', 'tagged', 'untagged', 'deleted', 'blob deleted', "
        "'repository deleted', 'restored')",
        (since,),
    )
    found: Uses = defaultdict(lambda: defaultdict(set))
    for actor, repository, did in rows:
        found[actor][repository].add(did)
    return found


@dataclass(frozen=True, slots=True)
class Failure:
    """Failed logins that were the same, within a second."""

    at: float
    account: str
    """user:alice; "" where nobody has that name."""
    address: str
    times: int


def failures(db: Connection, since: float) -> list[Failure]:
    """Logins that failed since then, in the order of time."""
    rows = db.execute(
        "select at, reference, address, times from audit "
        "where at >= ? and action = 'login' and result = 'denied' order by at",
        (since,),
    )
    return [Failure(*row) for row in rows]


def repositories(db: Connection) -> list[str]:
    """The names of all that hold something, for comparison with patterns."""
    rows = db.execute("select name from repository where listed = 1 order by name")
    return [name for (name,) in rows]
