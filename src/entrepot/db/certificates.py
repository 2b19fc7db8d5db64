"""Rules that say whom a client certificate means."""

import time
from dataclasses import dataclass

from entrepot.db.connection import Connection


@dataclass(frozen=True, slots=True)
class Rule:
    """A row; times are seconds since 1970."""

    name: str
    field: str
    """cn, dns, email, uri, or subject for the whole of it."""
    pattern: str
    """What the field must be; one * takes any characters."""
    subject: str
    """The account, user:alice or robot:ci; in robot:* the * is what the pattern's * took."""
    created_at: float = 0
    created_by: str = ""


def rules(db: Connection) -> list[Rule]:
    """All rules, by name: in this order they are tried."""
    rows = db.execute(
        "select name, field, pattern, subject, created_at, created_by from certificate_rule "
        "order by name"
    )
    return [Rule(*row) for row in rows]


def put(db: Connection, rule: Rule, by: str) -> None:
    """Make a rule, or change one."""
    db.execute(
        "insert into certificate_rule (name, field, pattern, subject, created_at, created_by) "
        "values (?, ?, ?, ?, ?, ?) on conflict (name) do update set field = excluded.field, "
        "pattern = excluded.pattern, subject = excluded.subject",
        (rule.name, rule.field, rule.pattern, rule.subject, time.time(), by),
    )


def remove(db: Connection, name: str) -> bool:
    """Delete a rule. False where there was none."""
    return db.execute("delete from certificate_rule where name = ?", (name,)).rowcount > 0
