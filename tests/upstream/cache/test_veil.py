"""A file in which what is on its way lies so that only this process can read it."""

import os
from pathlib import Path
from random import Random

import pytest

from entrepot.upstream.cache.veil import Veil

CONTENT = b"a secret of ours " * 5000


@pytest.mark.parametrize("start", [0, 1, 15, 16, 17, 4096, 50_000, len(CONTENT) - 1])
def test_it_reads_what_was_written(start: int, tmp_path: Path) -> None:
    veil, rest, chance = Veil(tmp_path), CONTENT, Random(start)
    while rest:
        count = chance.randint(1, 9000)
        veil.write(rest[:count])
        rest = rest[count:]
    with veil.open() as file:
        veil.close()
        found = b""
        while start + len(found) < len(CONTENT):
            found += veil.read(file, 7000, start + len(found))
        assert found == CONTENT[start:]
        with pytest.raises(OSError, match="ends before"):
            veil.read(file, 1, len(CONTENT) + 16)


def test_nobody_else_finds_it(tmp_path: Path) -> None:
    veil = Veil(tmp_path)
    veil.write(CONTENT)
    assert list(tmp_path.iterdir()) == []
    with veil.open() as file:
        assert b"secret" not in os.pread(file.fileno(), len(CONTENT), 0)
    veil.close()
