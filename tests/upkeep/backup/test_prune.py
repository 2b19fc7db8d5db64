"""What is too old goes, and nothing that a later backup has."""

from pathlib import Path
from random import Random

import pytest
from tests.content import put_blob
from tests.upkeep.backup.site import Site
from tests.upkeep.filled import APP

from entrepot.upkeep.backup import document
from entrepot.upkeep.backup.folder import FolderVault
from entrepot.upkeep.backup.prune import plan
from entrepot.upkeep.backup.turn import Work, turn
from entrepot.upkeep.backup.vault import BusyError


@pytest.mark.parametrize(
    ("whole", "keep", "remove"),
    [([], 3, ""), (list("abc"), 3, ""), (list("abc"), 2, "a"), (list("abc"), 0, "ab")],
)
def test_the_newest_stay(whole: list[str], keep: int, remove: str) -> None:
    found = plan(whole, keep)
    assert "".join(found.remove) == remove
    assert [*found.remove, *found.keep] == whole


def test_a_later_one_is_whole_behind_it(site: Site, tmp_path: Path) -> None:
    loose = put_blob(site.http, APP, Random(2).randbytes(40_000))
    site.create()
    site.create()
    lost = Path(site.dest) / "blobs" / loose.replace(":", "/")
    assert lost.exists()
    assert site.http.delete(f"/v2/{APP}/blobs/{loose}").status_code == 202
    third = site.create("--keep", "1")
    assert len(third["removed"]) == 2
    assert not lost.exists()
    assert [each["id"] for each in site.json("list")] == [third["id"]]
    assert site.run("verify").status == 0
    site.destroy()
    site.json("restore", "--data", str(tmp_path / "new"))
    site.check("--data", str(tmp_path / "new"))


def test_nothing_goes_while_one_that_stays_cannot_be_read(site: Site) -> None:
    site.create()
    made = site.create()
    backup = document.read(FolderVault(Path(site.dest)), made["id"])
    file = Path(site.dest) / backup.tables["blob"].parts[0].name
    file.write_bytes(file.read_bytes()[:-80])
    before = sorted(Path(site.dest).rglob("*"))
    done = site.run("prune", "--keep", "1")
    assert done.status == 2
    assert f"{backup.tables['blob'].parts[0].name} is not as it was written" in done.error
    assert sorted(Path(site.dest).rglob("*")) == before


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        (Work.CREATE, Work.CREATE, True),
        (Work.CREATE, Work.PRUNE, False),
        (Work.PRUNE, Work.CREATE, False),
        (Work.PRUNE, Work.PRUNE, False),
    ],
)
def test_who_prunes_is_alone(tmp_path: Path, one: Work, other: Work, may: bool) -> None:
    vault = FolderVault(tmp_path)
    with turn(vault, one):
        if may:
            with turn(vault, other):
                pass
        else:
            with pytest.raises(BusyError, match="try again"), turn(vault, other):
                pass
    with turn(vault, other):
        pass
    assert list(vault.files("working")) == []


def test_a_backup_is_made_where_older_ones_must_stay(site: Site) -> None:
    first = site.create()
    with turn(FolderVault(Path(site.dest)), Work.CREATE):
        done = site.run("create", *site.config, "--keep", "1")
    assert done.status == 0, done
    assert "older ones stay for now" in done.output
    assert first["id"] in [each["id"] for each in site.json("list")]
    assert len(site.create("--keep", "1")["removed"]) == 2
