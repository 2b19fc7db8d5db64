"""Who stood still for so long that others took them for dead does not go on."""

import os
from pathlib import Path
from random import Random

import pytest
from tests.upkeep.backup.site import Site
from tests.upkeep.backup.standstill import Standstill

from entrepot.cli.progress import Bar
from entrepot.db import place
from entrepot.encryption.keys import NO_KEYS
from entrepot.upkeep.backup.create import create
from entrepot.upkeep.backup.folder import FolderVault
from entrepot.upkeep.backup.prune import prune
from entrepot.upkeep.backup.turn import Work, turn
from entrepot.upkeep.backup.vault import BusyError
from entrepot.upkeep.moving.end import end_at


def grow_old(dest: Path) -> None:
    """As if who works there had said nothing for an hour."""
    for mark in (dest / "working").iterdir():
        at = mark.stat().st_mtime - 3600
        os.utime(mark, (at, at))


def test_a_backup_is_not_finished_behind_the_back_of_who_prunes(site: Site) -> None:
    site.create()
    data, dest = site.registry.data, Path(site.dest)
    source = end_at(place.find(data, "", NO_KEYS), data, None, NO_KEYS)

    def others() -> None:
        grow_old(dest)
        prune(FolderVault(dest), 1, Bar(None))

    site.push("new", Random(1).randbytes(50_000))
    with pytest.raises(BusyError, match="others may have begun"):
        create(source, NO_KEYS, FolderVault(dest), Standstill("writing down tables", others))
    assert len(site.json("list")) == 1
    assert site.create()["tags"] == 6
    assert site.json("verify")["damaged"] == []


def test_nothing_is_pruned_behind_the_back_of_who_makes_a_backup(site: Site) -> None:
    dest = Path(site.dest)
    site.create()
    site.push("new", Random(1).randbytes(50_000))
    kept = site.create()
    (dest / "backups" / kept["id"] / "backup.json").unlink()  # it was cut, and the next goes on
    before = sorted((dest / "blobs").rglob("*"))

    def others() -> None:
        grow_old(dest)
        with turn(FolderVault(dest), Work.CREATE):
            pass

    step = Standstill("deleting content that no backup needs", others)
    with pytest.raises(BusyError, match="others may have begun"):
        prune(FolderVault(dest), 1, step)
    assert sorted((dest / "blobs").rglob("*")) == before
