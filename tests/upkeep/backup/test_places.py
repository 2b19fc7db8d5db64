"""Places of backups that are none, and options that belong to others: told, and nothing is made."""

import shutil
from pathlib import Path

import pytest
from tests.upkeep.backup.site import Site
from tests.warm import entrepot

COMMANDS = ("list", "verify", "restore", "prune")
BUCKET = ("--endpoint", "https://s3.test"), ("--region", "eu-1"), ("--addressing", "path")


def keep(command: str) -> tuple[str, ...]:
    return ("--keep", "1") if command == "prune" else ()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_is_mistyped_is_told_and_not_made(command: str, tmp_path: Path) -> None:
    place = tmp_path / "typo"
    done = entrepot("backup", command, str(place), *keep(command))
    assert (done.status, done.output) == (2, "")
    assert done.error == f"entrepot: there is no folder {place}\n"
    assert not place.exists()


@pytest.mark.parametrize("command", ["create", *COMMANDS])
def test_a_file_is_no_folder(command: str, tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("mine")
    done = entrepot("backup", command, str(place), *keep(command))
    assert (done.status, done.output, done.error) == (2, "", f"entrepot: {place} is no folder\n")
    assert place.read_text() == "mine"


@pytest.mark.parametrize("option", BUCKET, ids=lambda option: option[0])
@pytest.mark.parametrize("dest", ["", "folder"], ids=["no DEST", "a folder"])
def test_options_of_a_bucket_want_one(dest: str, option: tuple[str, str], tmp_path: Path) -> None:
    where = [str(tmp_path)] if dest else []
    done = entrepot("backup", "list", *where, *option)
    assert done.status == 2
    assert "are for a bucket as DEST" in done.error


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--move-tags",), "--move-tags is for --only"),
        (("--only", "team", "--if-empty"), "without --only"),
        (("--only", "team", "--without-damaged"), "without --only"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_options_of_the_other_restore_are_not_swallowed(
    options: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    done = entrepot("backup", "restore", str(tmp_path), *options, "--data", str(tmp_path / "new"))
    assert done.status == 2
    assert words in done.error
    assert not (tmp_path / "new").exists()


def test_an_empty_place_and_one_of_others_have_no_backups(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "mine").write_text("mine")
    done = entrepot("backup", "list", str(tmp_path))
    assert done.status == 0
    assert done.error == f"there is no backup at {tmp_path}\n"
    assert entrepot("backup", "list", str(tmp_path), "--json").output == "[]\n"
    done = entrepot("backup", "prune", str(tmp_path), "--keep", "1")
    assert (done.status, done.error) == (2, f"entrepot: there is no backup at {tmp_path}\n")
    assert (tmp_path / "blobs" / "mine").read_text() == "mine"


def test_one_is_told_as_one(site: Site) -> None:
    site.create()
    assert site.run("verify").output.startswith("1 backup, ")
    site.create()
    assert site.run("prune", "--keep", "1").output.startswith("1 backup is gone, 1 stays; ")
    assert site.run("verify").output.startswith("1 backup, ")


@pytest.mark.parametrize("is_there", [True, False], ids=["empty", "not there"])
def test_a_disk_that_is_not_mounted_is_not_written_below(
    is_there: bool, site: Site, tmp_path: Path
) -> None:
    dest, disk = Path(site.dest), tmp_path / "disk"
    first = site.create()
    dest.rename(disk)
    if is_there:
        dest.mkdir()
    away = site.run("create", *site.config)
    assert away.status == 2
    assert f"there were backups in {dest}, and it is empty: mount it" in away.error
    assert not is_there or list(dest.iterdir()) == []
    assert dest.exists() is is_there
    if is_there:
        dest.rmdir()
    disk.rename(dest)
    second = site.create()
    assert [each["id"] for each in site.json("list")] == [first["id"], second["id"]]
    shutil.rmtree(dest)
    third = site.create("--anew")
    assert [each["id"] for each in site.json("list")] == [third["id"]]


def test_a_registry_that_was_restored_begins_where_it_likes(site: Site, tmp_path: Path) -> None:
    site.create()
    site.create()
    new = tmp_path / "new"
    site.json("restore", "--data", str(new))
    shutil.rmtree(site.dest)
    assert site.json("create", "--data", str(new))["tags"] == 5
