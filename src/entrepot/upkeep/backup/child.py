"""`python -m entrepot.upkeep.backup.child`: makes one backup, for the server that started it.

It reads an `Order` from stdin, and writes lines of JSON: how far it is, and last what came of it.
When stdin ends the server wants no more of it, or is gone: then it stops, and leaves no hold.
"""

import json
import os
import signal
import sqlite3
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from entrepot.db.schema import SchemaError
from entrepot.encryption.keys import EncryptionError
from entrepot.upkeep.backup.create import create
from entrepot.upkeep.backup.order import Order
from entrepot.upkeep.backup.prune import prune_behind
from entrepot.upkeep.backup.vault import BackupError, BusyError
from entrepot.upkeep.moving.end import MoveError

_NICE = 19
"""Requests go first."""
_SHOWN = 5
_EACH = 1.0
"""Seconds between two lines that say how far it is."""


def main() -> int:
    """Do it; 0 where a backup was made."""
    os.nice(_NICE)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a service is stopped as a whole
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    order = Order.parse(sys.stdin.buffer.readline())
    try:
        threading.Thread(target=_follow, name="entrepot-server", daemon=True).start()
        _say(_made(order))
    except BusyError as error:
        _say({"busy": str(error)})
    except (BackupError, MoveError, SchemaError, EncryptionError, ImportError) as error:
        _say({"error": str(error)})
    except (OSError, sqlite3.Error) as error:
        _say({"error": str(error) or type(error).__name__})
    except KeyboardInterrupt:
        return 1
    return 0


def _made(order: Order) -> dict[str, Any]:
    vault, show = order.vault(), Lines()
    made = create(order.source(), order.keyring(), vault, show)
    behind = prune_behind(made, vault, order.keep, show)
    return {
        "made": made.id,
        "tags": made.tags,
        "added": made.added,
        "lost": len(made.lost),
        "such": made.lost[:_SHOWN],
        "removed": len(behind.removed),
        "stay": behind.stay,
        "trouble": behind.trouble,
    }


def _follow() -> None:
    """Stop once nobody waits for it."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGINT)


def _say(words: dict[str, Any]) -> None:
    print(json.dumps(words), flush=True)  # noqa: T201 - the server reads it


@dataclass(slots=True)
class Lines:
    """Tells how far it is, once a second."""

    _what: str = ""
    _total: int = 0
    _done: int = 0
    _at: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, what: str, total: int, unit: str) -> None:  # noqa: ARG002 - a `Show`
        """A step begins."""
        with self._lock:
            self._what, self._total, self._done = what, total, 0
            self._tell()

    def add(self, count: int) -> None:
        """So much more is done."""
        with self._lock:
            self._done += count
            if time.monotonic() - self._at > _EACH:
                self._tell()

    def _tell(self) -> None:
        self._at = time.monotonic()
        _say({"what": self._what, "done": self._done, "total": self._total})


if __name__ == "__main__":
    sys.exit(main())
