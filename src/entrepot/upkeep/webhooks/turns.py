"""Turns: whose messages begin, so that none holds up the others."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice

from entrepot.db.connection import Connection
from entrepot.db.webhook_lines import Line, due

MOST = 64
"""Messages under way at once."""
MOST_FAILING = 32
"""Of those, to receivers that failed last."""
MOST_EACH = 8
"""To one receiver; to one that failed last, one."""


class Turns:
    """What is under way at a moment, by webhook and repository, and which webhooks failed last."""

    def __init__(self, taken: Iterable[tuple[str, str]], failing: Iterable[str]) -> None:
        self._taken = frozenset(taken)
        self._failing = frozenset(failing)
        self._busy = Counter(webhook for webhook, _ in self._taken)

    @property
    def busy(self) -> set[str]:
        """Webhooks that are sent something."""
        return set(self._busy)

    def begin(self, db: Connection, waiting: Mapping[str, float], now: float) -> list[Line]:
        """What begins, of webhooks for which something waits, and since or until when. Only as many
        are looked at as may begin at most: those who have the fewest under way, and wait longest.
        """
        due = [each for each, at in waiting.items() if at <= now]
        due.sort(key=lambda each: (self._busy[each], waiting[each]))
        works = (self.free(db, each, now) for each in due if each not in self._failing)
        fails = (self.free(db, each, now) for each in due if each in self._failing)
        some = [*islice(filter(None, works), MOST), *islice(filter(None, fails), MOST_FAILING)]
        return self.choose(some)

    def free(self, db: Connection, webhook: str, now: float) -> list[Line]:
        """The lines of a webhook that are due, as many as may begin for it at most."""
        busy = self._busy[webhook]
        room = (1 if webhook in self._failing else MOST_EACH) - busy
        if room <= 0:
            return []
        lines = due(db, webhook, now, room + busy)
        return [each for each in lines if (webhook, each.repository) not in self._taken][:room]

    def choose(self, free: Iterable[list[Line]]) -> list[Line]:
        """What begins of each webhook's free lines. Receivers that work come first; among them who
        has the fewest under way, and then who has waited longest: so much to be told to one of them
        is no wait for another.
        """
        places = [each for lines in free for each in enumerate(lines)]
        places.sort(key=lambda at: (self._busy[at[1].webhook] + at[0], at[1].next_at))
        works = [line for _, line in places if line.webhook not in self._failing]
        fails = [line for _, line in places if line.webhook in self._failing]
        left = MOST - self._busy.total()
        begun = works[: max(0, left)]
        trouble = MOST_FAILING - sum(self._busy[each] for each in self._failing)
        return begun + fails[: max(0, min(trouble, left - len(begun)))]
