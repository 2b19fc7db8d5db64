"""`Entries`: what the index of a layout lists, found by its names, however many there are."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from entrepot.oci.layout import NAME

CONTAINERD_NAME = "io.containerd.image.name"

Entry = dict[str, Any]
"""A descriptor, as `index.json` has it."""


class Entries:
    """Those of one layout, in their order. One thread at a time may change them."""

    def __init__(self, found: Iterable[Entry]) -> None:
        self._numbers = count()
        self._all: dict[int, Entry] = {}
        self._called: dict[str, dict[int, Entry]] = {}
        self._digests: dict[str, int] = {}
        """How many there are of each."""
        self._sorted: list[str] | None = None
        for each in found:
            self._add(each)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._all.values()))

    def called(self, name: str) -> list[Entry]:
        """Those that have a name, be it OCI's or containerd's."""
        return list(self._called.get(name, {}).values())

    def beginning(self, stem: str) -> list[str]:
        """Names that begin so."""
        if self._sorted is None:
            self._sorted = sorted({name_of(each) for each in self})
        start = bisect_left(self._sorted, stem)
        end = bisect_left(self._sorted, f"{stem}\U0010ffff")
        return self._sorted[start:end]

    def put(self, entry: Entry) -> None:
        """List one, in place of those of its name; what has none is listed once."""
        name = name_of(entry)
        if not name and self._digests.get(entry["digest"]):
            return
        for number, each in list(self._called.get(name, {}).items()) if name else ():
            if name_of(each) == name:
                self._remove(number)
        self._add(entry)

    def _add(self, entry: Entry) -> None:
        number = next(self._numbers)
        self._all[number] = entry
        for name in {*names_of(entry)} - {""}:
            self._called.setdefault(name, {})[number] = entry
        self._digests[entry["digest"]] = self._digests.get(entry["digest"], 0) + 1
        self._sorted = None

    def _remove(self, number: int) -> None:
        entry = self._all.pop(number)
        for name in {*names_of(entry)} - {""}:
            del self._called[name][number]
        self._digests[entry["digest"]] -= 1
        self._sorted = None


def name_of(entry: Entry) -> str:
    """The name that says most; "" for none."""
    return max(names_of(entry), key=lambda name: ("/" in name, bool(name)))


def names_of(entry: Entry) -> tuple[str, str]:
    """By OCI and by containerd. Docker writes but a tag as the first, which two may have."""
    notes = entry.get("annotations") or {}
    return str(notes.get(NAME) or ""), str(notes.get(CONTAINERD_NAME) or "")
