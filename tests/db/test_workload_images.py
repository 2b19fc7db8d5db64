"""Images of workloads as they are listed, and how they stand with the registry."""

import pytest
from tests.content import dump, image, index
from tests.db.pushed import APP, blob, manifest
from tests.db.reported import Row, report, row
from tests.db.test_inventory import listed

from entrepot.db import workload_images
from entrepot.db.connection import Connection
from entrepot.db.workload_images import Wanted
from entrepot.oci.digest import Digest

STANDS: dict[str, tuple[Row, tuple[bool, bool, bool]]] = {
    "by its tag": (row("team/app:1"), (False, True, False)),
    "with what it means": (row("team/app:1", "INDEX"), (True, True, False)),
    "with a platform of it": (row("team/app:1", "CHILD"), (True, True, True)),
    "pinned": (row("team/app@INDEX"), (True, False, False)),
    "no such tag": (row("team/app:2"), (False, False, False)),
    "no such digest": (row(f"team/app@{Digest.of(b'?')}"), (False, False, False)),
    "no such repository": (row("team/none:1"), (False, False, False)),
    "foreign": (row("team/app:1", ours=False), (False, False, False)),
}


@pytest.mark.parametrize(("reported", "wanted"), STANDS.values(), ids=STANDS)
def test_how_it_stands_with_the_registry(
    db: Connection, reported: Row, wanted: tuple[bool, bool, bool]
) -> None:
    blob(db, b"{}")
    child, whole = manifest(db, image()), manifest(db, index(image()), "1")
    digests = {"INDEX": str(whole), "CHILD": str(child)}
    key, said = reported
    report(db, (key._replace(digest=digests.get(key.digest, key.digest)), said))
    [found] = listed(db)
    assert (found.there, found.named is not None, found.part) == wanted
    assert found.named in (None, str(whole))
    assert Digest.of(dump(image())) == child


def test_pages_and_filters(db: Connection) -> None:
    rows = [row(f"team/app{number % 2}:1", workload=f"w{number}") for number in range(5)]
    report(db, *rows)
    report(db, row(f"{APP}:1"), cluster="test")
    first = workload_images.listed(db, Wanted(), None, 0, 4)
    rest = workload_images.listed(db, Wanted(), None, first[-1].id, 4)
    assert (len(first), len(rest)) == (4, 2)
    only = [("team/app1", "team/app1")]
    assert [each.key.workload for each in workload_images.listed(db, Wanted(), only, 0, 9)] == [
        "w1",
        "w3",
    ]
    assert workload_images.listed(db, Wanted(), [], 0, 9) == []
    assert [each.cluster for each in listed(db, cluster="test")] == ["test"]
    assert len(listed(db, repository="team/app0", namespace="team-a")) == 3
    assert listed(db, namespace="team-b") == []
