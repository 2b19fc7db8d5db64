"""How fast a rule may copy."""

from pathlib import Path

from entrepot.oci.digest import Digest
from entrepot.upkeep.replication.pace import Pace, Paced
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
