"""Turns: how many messages may begin for each webhook, so that none holds up the others."""

from collections import Counter
from collections.abc import Iterable, Set

MOST = 64
"""Messages under way at once."""
MOST_FAILING = 32
"""Of those, to receivers that failed last."""
MOST_EACH = 8
"""To one receiver; to one that failed last, one."""


def room(webhooks: Iterable[str], busy: Counter[str], failing: Set[str]) -> dict[str, int]:
    """By webhook, how many may begin; those that work come first. `busy` says how many are under
    way for each.
    """
    left, found = MOST - busy.total(), dict[str, int]()
    troubled = MOST_FAILING - sum(busy[each] for each in failing)
    for number in sorted(webhooks, key=failing.__contains__):
        fails = number in failing
        count = min(left, (1 if fails else MOST_EACH) - busy[number])
        if fails:
            count = min(count, troubled)
        if count > 0:
            found[number] = count
            left -= count
            troubled -= count if fails else 0
    return found
