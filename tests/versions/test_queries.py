"""What a promotion asks the database goes by indexes, however much lies there."""

from collections.abc import Callable

import pytest
from tests.content import image
from tests.db.pushed import APP, blob, manifest
from tests.db.test_queries import plan, reads_all

from entrepot.auth.actor import Actor
from entrepot.db import bad_versions, channels, running, stays, tags
from entrepot.db.audit import By
from entrepot.db.engine import SQLite
from entrepot.db.grants import Grant
from entrepot.oci.digest import Digest
from entrepot.oci.names import Tag
from entrepot.versions import promotion, rollback
from entrepot.versions.gathering import Promoter
from entrepot.versions.promotion import Wanted
from entrepot.versions.rollback import Back

ANN = By("user:ann")
OWNER = Promoter(Actor("user:ann"), [Grant(1, "user:ann", "owner", "*", 0, "", None)])
GATES = {"approvals": 1, "reports": ["tests"], "artifacts": ["x/y"], "signed_by": ["ci"]}
FEW = {
    "SCAN CONSTANT ROW",
    "SCAN s",
    "USE TEMP B-TREE FOR GROUP BY",
    "USE TEMP B-TREE FOR ORDER BY",
}
"""Of the last stays of one channel, of which there are at most some hundred."""

QUERIES: dict[str, Callable[[SQLite], object]] = {
    "promotion": lambda db: promotion.promote(db, Wanted(APP, "1.2.0", "dev"), OWNER, ANN),
    "how it stands": lambda db: promotion.look(db, Wanted(APP, "1.0.0", "prod"), OWNER),
    "rollback": lambda db: rollback.roll_back(db, Back(APP, "dev"), OWNER, ANN),
    "history": lambda db: stays.listed(db, 1, "dev", 2**62, 10),
    "history of all": lambda db: stays.listed(db, 1, None, 2**62, 10),
    "a push": lambda db: tags.point(db, (1, APP), Tag("x"), digest(db)),
    "what channels have above it": lambda db: channels.check_part(db, 2, APP, digest(db)),
    "what is kept": lambda db: running.of(db, APP),
    "whether it is bad": lambda db: bad_versions.find(db, 1, "x"),
}


def digest(db: SQLite) -> Digest:
    return Digest.parse(tags.digest_of(db, APP, Tag("1.1.0")) or "")


@pytest.mark.parametrize("ask", QUERIES.values(), ids=QUERIES)
def test_it_goes_by_indexes(sqlite: SQLite, ask: Callable[[SQLite], object]) -> None:
    for number in range(3):
        blob(sqlite, b"%d" % number)
        manifest(sqlite, image(config=b"%d" % number), f"1.{number}.0")
    channels.put(sqlite, "team", ("dev", "prod"), "user:ann")
    channels.set_gates(sqlite, "team", "prod", GATES)
    for version in ("1.0.0", "1.1.0"):
        promotion.promote(sqlite, Wanted(APP, version, "dev"), OWNER, ANN)
    asked: list[str] = []
    sqlite.set_trace_callback(asked.append)
    ask(sqlite)
    sqlite.set_trace_callback(None)
    assert asked
    for statement in asked:
        bad = [step for step in plan(sqlite, statement) if reads_all(step) and step not in FEW]
        assert not bad, statement
