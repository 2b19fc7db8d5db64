"""What is too old goes, and nothing that a later backup has."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
    ("sources", "keep", "of", "remove"),
    [
        ("", 3, "", ""),
        ("XXX", 3, "", ""),
        ("XXX", 2, "", "a"),
        ("XXX", 0, "", "ab"),
        ("YXXX", 2, "", "b"),
        ("YXYXX", 1, "", "abd"),
        ("YXYXX", 1, "X", "bd"),
        ("YXYXX", 1, "Z", ""),
        ("?XXX", 2, "", "ab"),
        ("X?XX", 2, "", "ab"),
        ("Y?XX", 1, "", "c"),
        ("XX?", 1, "", "a"),
        ("??", 1, "", ""),
    ],
)
def test_the_newest_of_each_registry_stay(sources: str, keep: int, of: str, remove: str) -> None:
    whole = dict(zip("abcde", (None if s == "?" else s for s in sources), strict=False))
    found = plan(whole, keep, of)
    assert "".join(found.remove) == remove
    assert sorted([*found.remove, *found.keep]) == list(whole)


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
    done = site.run("create", *site.config, "--keep", "1")
    assert done.status == 3
    assert " is made at " in done.output
    assert "older ones cannot be pruned: " in done.output
    assert len(site.json("list")) == 3


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


def test_registries_that_share_a_place_leave_each_other_theirs(site: Site, tmp_path: Path) -> None:
    other, old = tmp_path / "other", site.create()
    assert site.run("restore", "--data", str(other)).status == 0
    theirs = site.json("create", "--data", str(other), "--keep", "1")
    assert theirs["removed"] == []
    new = site.create("--keep", "1")
    assert new["removed"] == [old["id"]]
    newer = site.json("create", "--data", str(other))
    assert site.json("prune", "--keep", "1", "--of", new["source"])["removed"] == []
    assert site.json("prune", "--keep", "1")["removed"] == [theirs["id"]]
    assert [each["id"] for each in site.json("list")] == [new["id"], newer["id"]]
    assert site.run("verify").status == 0
    mistyped = site.run("prune", "--keep", "1", "--of", "nobody")
    assert (mistyped.status, "is of nobody" in mistyped.error) == (2, True)


def test_one_that_was_made_stays_though_the_clock_went_back(site: Site) -> None:
    first = site.create()
    future = document.new_id(datetime.now(UTC) + timedelta(days=3650))
    rename(Path(site.dest), first["id"], future)
    second = site.create("--keep", "1")
    assert second["removed"] == [future]
    assert second["created_at"][:4] < second["id"][:4]
    assert second["looked_at"] <= second["created_at"], "not only in ten years"
    third = site.create()
    assert [each["id"] for each in site.json("list")] == [second["id"], third["id"]]
    assert site.json("verify")["damaged"] == []


def rename(dest: Path, old: str, new: str) -> None:
    """As if a backup had been made when its new id says."""
    vault = FolderVault(dest)
    made = document.read(vault, old)
    text = replace(made, id=new, looked_at="2099-01-01T00:00:00+00:00").dump()
    (dest / "backups" / old).rename(dest / "backups" / new)
    vault.put(f"backups/{new}/backup.json", [text], len(text))
