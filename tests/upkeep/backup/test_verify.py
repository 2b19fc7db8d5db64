"""Every byte of a backup counts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.content import digest
from tests.upkeep.backup.site import Site
from tests.upkeep.filled import BIG


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


FILES = ("contents.txt", "index.json", "oci-layout", "tables/audit.jsonl")
"""Some of all; without a `backup.json` there is no backup."""

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
    for file in (blob, *files):
        content = file.read_bytes()
        SPOILT[how](file)
        done = site.run("verify")
        assert done.status == 1, file
        assert (digest(BIG) if file == blob else made["id"]) in done.output, done
        file.write_bytes(content)
    assert site.run("verify").status == 0


def test_one_that_is_damaged_hides_no_other(site: Site) -> None:
    first, second = site.create(), site.create()
    flip(Path(site.dest) / "backups" / first["id"] / "backup.json")
    done = site.run("list")
    assert done.status == 1
    assert second["id"] in done.output
    assert f"backup {first['id']} is damaged" in done.error


def test_where_there_is_none_it_says_so(site: Site) -> None:
    done = site.run("verify")
    assert done.status == 2
    assert "there is no backup at" in done.error
