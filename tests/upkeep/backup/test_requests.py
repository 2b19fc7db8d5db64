"""What a backup asks of its place: each is a request where that is a bucket."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import pytest
from tests.upkeep.backup.site import Site

from entrepot.cli.progress import Bar
from entrepot.db import place
from entrepot.encryption.keys import NO_KEYS
from entrepot.upkeep.backup.create import create
from entrepot.upkeep.backup.folder import FolderVault
from entrepot.upkeep.backup.vault import Bytes, File
from entrepot.upkeep.moving.end import end_at

ASKED_FROM = 64 * 1024


class Counted(FolderVault):
    """Counts what it is asked for, by what is done and the first part of the name."""

    asked_from = ASKED_FROM

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.seen = Counter[str]()

    def _count(self, what: str, name: str) -> None:
        self.seen[f"{what} {name.partition('/')[0]}"] += 1

    def put(self, name: str, strides: Iterable[Bytes], size: int) -> None:
        self._count("put", name)
        super().put(name, strides, size)

    def read(self, name: str) -> Iterator[memoryview]:
        self._count("read", name)
        yield from super().read(name)

    def size(self, name: str) -> int | None:
        self._count("size", name)
        return super().size(name)

    def files(self, folder: str) -> Iterator[File]:
        if "/" not in folder and folder != "partial":  # how a folder is read is its own affair
            self._count("list", folder)
        yield from super().files(folder)

    def delete(self, names: list[str]) -> None:
        if names:
            self._count("delete", names[0])
        super().delete(names)


@pytest.fixture
def counted(site: Site) -> Counted:
    """A place that has a backup, with nothing counted."""
    found = Counted(Path(site.dest))
    back_up(site, found)
    found.seen.clear()
    return found


def back_up(site: Site, vault: Counted) -> None:
    data = site.registry.data
    source = end_at(place.find(data, "", NO_KEYS), data, None, NO_KEYS)
    create(source, NO_KEYS, vault, Bar(None))


FIXED = {
    "put working": 1,
    "list working": 1,
    "size working": 1,
    "list backups": 1,
    "read backups": 1,
    "list damaged": 1,
    "put backups": 3,
    "delete working": 1,
}
"""Whatever was pushed."""


def test_the_next_one_asks_for_little(site: Site, counted: Counted) -> None:
    for number in range(3):
        site.push(f"new-{number}", Random(number).randbytes(2000))
    back_up(site, counted)
    assert counted.seen.pop("put blobs") == 3 * 2, "a manifest and a layer each"
    assert counted.seen.pop("put parts") < 15, "of tables that have changed"
    assert counted.seen.pop("read parts") <= 2, "the last ones, where they are small"
    assert counted.seen == FIXED


def test_it_asks_before_it_sends_much(site: Site, counted: Counted) -> None:
    site.push("large", Random(1).randbytes(ASKED_FROM))
    back_up(site, counted)
    assert counted.seen["size blobs"] == 1
    assert counted.seen["put blobs"] == 2
