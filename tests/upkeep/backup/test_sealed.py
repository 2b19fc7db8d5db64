"""Backups that are sealed: nothing is to be read without the key, nor altered unseen."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from tests.upkeep.backup.site import Site
from tests.upkeep.filled import BIG

from entrepot.encryption.keys import Keyring, MasterKey, MissingKeyError
from entrepot.encryption.segments import CONTENT, STRIDE
from entrepot.upkeep.backup.folder import FolderVault
from entrepot.upkeep.backup.sealed import HEAD, SealedVault
from entrepot.upkeep.backup.vault import LostError, get

KEY = MasterKey.new()
NAME = "blobs/sha256/ab"


def at(folder: Path, *keys: MasterKey) -> SealedVault:
    ring = keys or (KEY,)
    return SealedVault(FolderVault(folder), Keyring(ring), ring[0])


def strides(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("stride", [7_000, CONTENT, STRIDE, 3 * STRIDE])
@pytest.mark.parametrize("size", [0, 1, CONTENT, CONTENT + 1, STRIDE, 2 * STRIDE + 5])
def test_what_is_put_is_read(tmp_path: Path, size: int, stride: int) -> None:
    vault, content = at(tmp_path), Random(size).randbytes(size)
    vault.put(NAME, strides(content, stride), size)
    assert get(vault, NAME) == content
    assert [(file.name, file.size) for file in vault.files("blobs")] == [(NAME, size)]


@pytest.mark.parametrize("place", [2, 150, HEAD, HEAD + CONTENT + 20, -1])
def test_no_bit_is_altered_unseen(tmp_path: Path, place: int) -> None:
    vault, size = at(tmp_path), CONTENT + 100
    vault.put(NAME, [bytes(size)], size)
    file = tmp_path / "sealed" / NAME
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises((LostError, MissingKeyError)):
        get(vault, NAME)


@pytest.mark.parametrize("cut", [1, 100, CONTENT, CONTENT + 300])
def test_no_end_is_cut_unseen(tmp_path: Path, cut: int) -> None:
    vault, size = at(tmp_path), CONTENT + 100
    vault.put(NAME, [bytes(size)], size)
    file = tmp_path / "sealed" / NAME
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    with pytest.raises(LostError):
        get(vault, NAME)
    file.write_bytes(whole + b"x")
    with pytest.raises(LostError):
        get(vault, NAME)


def test_no_file_takes_the_place_of_another(tmp_path: Path) -> None:
    vault = at(tmp_path)
    vault.put(NAME, [b"one"], 3)
    (tmp_path / "sealed" / NAME).rename(tmp_path / "sealed" / f"{NAME}cd")
    with pytest.raises(LostError):
        get(vault, f"{NAME}cd")


def test_older_keys_open(tmp_path: Path) -> None:
    at(tmp_path).put(NAME, [b"one"], 3)
    assert get(at(tmp_path, MasterKey.new(), KEY), NAME) == b"one"
    with pytest.raises(MissingKeyError):
        get(at(tmp_path, MasterKey.new()), NAME)


def test_the_whole_story(site: Site, tmp_path: Path) -> None:
    keys = tmp_path / "backup-keys"
    keys.touch(0o600)
    keys.write_text(f"{KEY.line}\n")
    site.options = ("--key-file", str(keys))
    first = site.create()
    assert site.create("--keep", "1")["removed"] == [first["id"]]
    for file in Path(site.dest).rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert BIG[:1000] not in content
            assert b"argon2" not in content
            assert b"team/app" not in content
    assert site.json("verify")["damaged"] == []
    site.options = ()
    assert site.json("list") == []
    refused = site.run("restore", "--data", str(tmp_path / "new"))
    assert refused.status == 2
    assert "give --key-file" in refused.error
    keys.write_text(f"{MasterKey.new().line}\n")
    site.options = ("--key-file", str(keys))
    refused = site.run("restore", "--data", str(tmp_path / "new"))
    assert refused.status == 2
    assert KEY.id in refused.error
    keys.write_text(f"{KEY.line}\n")
    site.destroy()
    site.json("restore", "--data", str(tmp_path / "new"))
    site.check("--data", str(tmp_path / "new"))
