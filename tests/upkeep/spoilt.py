"""A registry's own folder, spoilt behind its back, and waiting for the pass that finds it."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.content import digest

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.db import place

DAMAGE = "its bytes do not match the digest"


def spoil(folder: Path, content: bytes) -> None:
    """Change a bit of a large blob on the disk."""
    query = "select p.name from piece p join blob b on b.object = p.object where b.digest = ?"
    with closing(place.find(folder).connect()) as db:
        (name,) = db.execute(query, (digest(content),)).fetchone()
    file = DiskStore(folder_of(folder)).path(name)
    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])


def passed(look: Callable[[], Any], before: Any) -> Any:
    """How the scrub stands once a pass has ended that was asked for when the last had `before`."""
    for _ in range(1500):
        found = look()
        if found["ended_at"] != before and not found["asked"] and found["state"] != "running":
            return found
        time.sleep(0.02)
    raise AssertionError(found)
