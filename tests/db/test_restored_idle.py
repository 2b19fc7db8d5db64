"""Manifests that nothing keeps are known as such, also when they come back from the trash."""

import pytest
from tests.content import image
from tests.db.pushed import APP, blob, manifest

from entrepot.db import idle, repositories, trash
from entrepot.db.audit import NOBODY
from entrepot.db.connection import Connection
from entrepot.db.restore import restore
from entrepot.db.trash import Keep


@pytest.mark.parametrize("settled", [False, True], ids=["noted still", "settled in the trash"])
def test_what_comes_back_untagged_is_idle(db: Connection, settled: bool) -> None:
    blob(db, b"{}")
    blob(db, b"layer")
    manifest(db, image(b"layer"))
    number = repositories.remove(db, APP, keep=Keep(3600.0))
    assert number is not None
    if settled:  # as the collector does, since the trash keeps it
        db.execute("delete from idle_manifest")
    item = trash.find(db, number)
    assert item is not None
    restore(db, item, move=False, sparse=False, by=NOBODY)
    assert idle.unknown(db)[0] == 0
    assert db.execute("select count(*) from idle_manifest").fetchone() == (1,)
