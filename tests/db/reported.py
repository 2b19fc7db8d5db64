"""What clusters report, put into a database."""

from entrepot.db import inventory
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.inventory import Key, Said

KEEP = 1000.0
"""Seconds for which is kept what a report leaves out."""

Row = tuple[Key, Said]


def row(
    written: str = "team/app:1",
    digest: str = "",
    *,
    workload: str = "web",
    state: str = "running",
    ours: bool = True,
) -> Row:
    """An image of a Deployment of team-a; `written` without its host."""
    name, _, pin = written.partition("@")
    repository, _, tag = name.partition(":")
    key = Key("team-a", "Deployment", workload, "main", f"registry.test/{written}", pin or digest)
    return key, Said(repository if ours else "", tag, bool(pin), state)


def report(db: Connection, *rows: Row, cluster: str = "prod", keep: float = KEEP) -> None:
    who = f"robot:{cluster}"
    inventory.report(db, cluster, dict(rows), keep=keep, reporters=[who], by=By(who))
