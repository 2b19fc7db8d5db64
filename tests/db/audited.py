"""Short ways to put rows into an audit."""

from entrepot.db import audit
from entrepot.db.audit import By, Event
from entrepot.db.connection import Connection

AT = 1_700_000_000.25


def event(number: int, **words: object) -> Event:
    """An event in which every word is something, a second after the one before."""
    by = By(
        f"user:u{number % 3}", "password", f"10.0.0.{number}", "docker/29", f"r{number}", {"pod": 1}
    )
    given: dict[str, object] = {
        "action": "push",
        "by": by,
        "repository": "team/app",
        "reference": f"v{number}",
        "digest": f"sha256:{number:064x}",
        "result": "ok",
        "detail": {"old": "x"},
        "at": AT + number,
        "times": number,
    }
    return Event(**{**given, **words})  # type: ignore[arg-type]


def fill(db: Connection, count: int, first: int = 1) -> None:
    """Rows that tell so many events."""
    audit.append(db, *(event(number) for number in range(first, first + count)))
