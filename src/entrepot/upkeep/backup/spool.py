"""`Spool`: what is to be sent to a vault is written down here first, so that the state of the
database is held no longer than reading it takes.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from entrepot.upkeep.backup.document import PARTS, Sum
from entrepot.upkeep.backup.vault import Bytes, Vault

_AT_ONCE = 500
"""Lines that are written at once."""
_CHUNK = 1024 * 1024
_THREADS = 8


@dataclass(slots=True)
class Spool:
    """Files one behind the other, in one file of no name."""

    out: BinaryIO
    _found: dict[str, tuple[int, Sum]] = field(default_factory=dict)
    """Where each begins, and what it comes to."""

    def part(self, lines: Iterable[str]) -> tuple[int, Sum]:
        """Add a part, which is named by what it is; how many lines it has."""
        start = self.out.tell()
        count, made = self._write(lines)
        self._found[f"{PARTS}/{made.sha256}.jsonl"] = start, made
        return count, made

    def file(self, name: str, lines: Iterable[str]) -> tuple[int, Sum]:
        """Add a file."""
        start = self.out.tell()
        count, made = self._write(lines)
        self._found[name] = start, made
        return count, made

    def _write(self, lines: Iterable[str]) -> tuple[int, Sum]:
        count, size, hashed, rest = 0, 0, hashlib.sha256(), iter(lines)
        while some := tuple(islice(rest, _AT_ONCE)):
            encoded = "".join(some).encode()
            self.out.write(encoded)
            hashed.update(encoded)
            count, size = count + len(some), size + len(encoded)
        return count, Sum(size, hashed.hexdigest())

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(each.size for _, each in self._found.values())

    def send(self, vault: Vault, folder: str, told: Callable[[int], None]) -> None:
        """Put all of it, several at once; files go to a folder, parts to theirs."""
        self.out.flush()

        def put(name: str) -> None:
            start, each = self._found[name]
            place = name if name.startswith(f"{PARTS}/") else f"{folder}/{name}"
            vault.put(place, self._strides(start, each.size), each.size)
            told(each.size)

        with ThreadPoolExecutor(_THREADS, "entrepot-backup") as pool:
            for _ in pool.map(put, self._found):
                pass

    def _strides(self, start: int, size: int) -> Iterator[Bytes]:
        end = start + size
        for place in range(start, end, _CHUNK):
            yield os.pread(self.out.fileno(), min(_CHUNK, end - place), place)
