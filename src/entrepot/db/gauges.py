"""Gauges: what takes long to measure, written down by whoever did, for all processes to show."""

from collections.abc import Mapping

from entrepot.db.connection import Connection


def put(db: Connection, values: Mapping[str, float]) -> None:
    """Write down what was found."""
    db.executemany(
        "insert into gauge (name, value) values (?, ?) "
        "on conflict (name) do update set value = excluded.value",
        values.items(),
    )


def every(db: Connection) -> dict[str, float]:
    """All of them, as they were found last."""
    return dict(db.execute("select name, value from gauge order by name").fetchall())
