"""`wait_for`: until a replication has compared and copied all, or does not get on."""

import time
from collections.abc import Iterator
from itertools import repeat
from typing import Any

from entrepot.cli.client import Client
from entrepot.cli.progress import following

_LOOK = 0.5
"""Seconds."""
_PATIENCE = 5
"""How often trouble is seen before it is believed: at first it is that of the time before."""


def wait_for(client: Client, name: str, compared_before: str | None) -> dict[str, Any]:
    """How it stands at the end; `compared_before` says when it was compared before this run."""
    troubled = 0
    with following(f"replication {name}") as follow:
        for row in _looks(client, name):
            compared = row["compared_at"] != compared_before
            if row["paused"] or (compared and row["waiting"] <= row["failing"]):
                return row
            troubled = troubled + 1 if row["error"] and not compared else 0
            if troubled > _PATIENCE:
                return row
            words = f"{row['waiting']} tags wait" if compared else "comparing"
            follow(words, row["done"], row["done"] + row["waiting"])
    raise AssertionError("it is looked at for ever")


def _looks(client: Client, name: str) -> Iterator[dict[str, Any]]:
    for _ in repeat(None):
        yield client.get(f"/replications/{name}")
        time.sleep(_LOOK)
