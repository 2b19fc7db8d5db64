"""Every byte of a backup counts."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from tests.content import digest, put_blob
from tests.upkeep.backup.site import Site
from tests.upkeep.backup.standstill import Standstill
from tests.upkeep.filled import APP, BIG

from entrepot.cli.progress import Bar
from entrepot.db import place
from entrepot.encryption.keys import NO_KEYS
from entrepot.upkeep.backup import document
from entrepot.upkeep.backup.folder import FolderVault
from entrepot.upkeep.backup.opened import Opened
from entrepot.upkeep.backup.prune import prune
from entrepot.upkeep.backup.restore import restore
from entrepot.upkeep.backup.vault import BackupError
from entrepot.upkeep.backup.verify import verify
from entrepot.upkeep.moving.end import end_at


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


FILES = ("index.json", "oci-layout")
"""Of a backup's own; without a `backup.json` there is no backup."""
TABLES = ("audit", "blob", "tag")
"""Some of all."""

SPOILT: dict[str, Callable[[Path], object]] = {
    "flipped": flip,
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "missing": Path.unlink,
}


@pytest.mark.parametrize("how", SPOILT)
def test_whatever_is_spoilt_is_told(site: Site, how: str) -> None:
    made = site.create()
    good = site.json("verify")
    assert (good["damaged"], good["bytes"]) == ([], made["size"])
    folder = Path(site.dest) / "backups" / made["id"]
    blob = Path(site.dest) / "blobs" / digest(BIG).replace(":", "/")
    files = [folder / name for name in (*FILES, *(["backup.json"] if how != "missing" else []))]
    for file in (blob, *files, *(part(site, made["id"], table) for table in TABLES)):
        content = file.read_bytes()
        SPOILT[how](file)
        done = site.run("verify")
        assert done.status == 1, file
        assert (digest(BIG) if file == blob else made["id"]) in done.output, done
        file.write_bytes(content)
    assert site.run("verify").status == 0


@pytest.mark.parametrize("how", SPOILT)
def test_the_next_one_heals_what_was_found(site: Site, how: str) -> None:
    made = site.create()
    blob = Path(site.dest) / "blobs" / digest(BIG).replace(":", "/")
    tags = part(site, made["id"], "tag")
    for file in (blob, tags):
        SPOILT[how](file)
    assert site.create()["added"] == 0
    assert site.run("verify").status == 1
    assert site.create()["added"] == len(BIG)
    assert site.run("verify").status == 0
    assert not list(Path(site.dest).glob("damaged/**/*.*"))
    SPOILT[how](blob)
    wanted = 0 if how == "flipped" else len(BIG)
    assert site.create("--look-at-all")["added"] == wanted


def part(site: Site, id_: str, table: str) -> Path:
    """The last file with rows of a table."""
    vault = FolderVault(Path(site.dest))
    return Path(site.dest) / document.read(vault, id_).tables[table].parts[-1].name


def test_one_that_is_damaged_hides_no_other(site: Site) -> None:
    first, second = site.create(), site.create()
    flip(Path(site.dest) / "backups" / first["id"] / "backup.json")
    done = site.run("list")
    assert done.status == 1
    assert second["id"] in done.output
    assert f"backup {first['id']} is damaged" in done.error


def test_what_is_pruned_meanwhile_is_no_damage(site: Site) -> None:
    vault, loose = FolderVault(Path(site.dest)), put_blob(site.http, APP, Random(2).randbytes(9000))
    first = site.create()["id"]
    assert site.http.delete(f"/v2/{APP}/blobs/{loose}").status_code == 202
    second = site.create()["id"]
    step = Standstill("reading backups", lambda: prune(vault, 1, Bar(None)))
    found = verify(vault, [first, second], step)
    assert (found.backups, found.damaged, found.pruned) == ([second], [], [first])
    assert list(vault.files("damaged")) == []


def test_what_is_pruned_while_it_is_restored_is_told(site: Site, tmp_path: Path) -> None:
    vault, loose = FolderVault(Path(site.dest)), put_blob(site.http, APP, Random(2).randbytes(9000))
    chosen = document.read(vault, site.create()["id"])
    assert site.http.delete(f"/v2/{APP}/blobs/{loose}").status_code == 202
    site.create()
    new = tmp_path / "new"
    target = end_at(place.find(new, "", NO_KEYS), new, None, NO_KEYS)
    step = Standstill("restoring tables", lambda: prune(vault, 1, Bar(None)))
    with pytest.raises(BackupError, match="was pruned while it was restored"):
        restore(Opened(vault, chosen), target, NO_KEYS, step, without_damaged=True)


def test_where_there_is_none_it_says_so(site: Site) -> None:
    Path(site.dest).mkdir()
    done = site.run("verify")
    assert done.status == 2
    assert "there is no backup at" in done.error
