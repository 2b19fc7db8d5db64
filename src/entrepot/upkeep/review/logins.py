"""Failed logins: more than so many within an hour, at one account or from one address."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from entrepot.db.usage import Failure
from entrepot.upkeep.review.finding import Finding, Severity

HOUR = 3600.0
MOST = 10
"""Failures within an hour that are nothing special yet."""

_ADVICE = {
    "account": "ask them, and change the password",
    "address": "find out who that is",
}


def peaks(failures: Iterable[Failure]) -> Iterator[Finding]:
    """The highest peak of each account and address; `failures` in the order of time."""
    found: dict[tuple[str, str], list[Failure]] = defaultdict(list)
    for failure in failures:
        found["account", failure.account].append(failure)
        found["address", failure.address].append(failure)
    for (kind, name), group in sorted(found.items()):
        count, since = _peak(group)
        if name and count > MOST:
            text = f"{count} logins failed within an hour: {_ADVICE[kind]}"
            subject = name if kind == "account" else f"address {name}"
            yield Finding("failed logins", Severity.WARNING, subject, text, since)


def _peak(failures: list[Failure]) -> tuple[int, float]:
    """The most failures of any hour, and when that hour began."""
    window: deque[Failure] = deque()
    count = most = 0
    since = 0.0
    for failure in failures:
        window.append(failure)
        count += failure.times
        while failure.at - window[0].at >= HOUR:
            count -= window.popleft().times
        if count > most:
            most, since = count, window[0].at
    return most, since
