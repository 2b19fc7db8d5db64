"""How fast a rule may copy."""

from pathlib import Path

from entrepot.oci.digest import Digest
from entrepot.upkeep.replication.pace import Pace, Paced, anew
from entrepot.upstream.folder import FolderFiles
from entrepot.upstream.layout import Layout
from entrepot.upstream.place import Blob

CONTENT = bytes(range(256)) * 100
BLOB = Blob(Digest.of(CONTENT), len(CONTENT))


def test_what_is_slow_comes_little_by_little_and_nobody_takes_it_for_dead(tmp_path: Path) -> None:
    source = Layout(FolderFiles(tmp_path), "here", new=True).at("")
    source.put_blob(BLOB, iter((CONTENT,)))
    parts = list(Paced(source, Pace(40_000)).blob(BLOB))
    assert b"".join(parts) == CONTENT
    assert max(map(len, parts)) == 10_000
    assert list(Paced(source, Pace(None)).blob(BLOB)) == [CONTENT]


def test_a_compare_that_was_not_whole_comes_as_soon_as_the_next_whole_one() -> None:
    day = 24 * 3600.0
    assert 1 < anew(1, took=0.01, every=day) <= 2
    assert anew(1, took=10, every=day) == 200, "it takes a share of the time"
    assert anew(1, took=10, every=60) == 60
    assert anew(99, took=0.01, every=300) == 300, "what is broken for good holds up nothing else"
