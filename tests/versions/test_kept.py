"""What a channel has, and could go back to, outlives retention and the collector; and what may not
stand in a promotion's way does not.
"""

import pytest
from tests.content import image
from tests.db.pushed import APP, blob, manifest

from entrepot.auth.actor import Actor
from entrepot.db import channels, idle, immutable_rules, restore, tags, trash
from entrepot.db.audit import By
from entrepot.db.engine import SQLite
from entrepot.db.grants import Grant
from entrepot.db.idle import Why
from entrepot.db.running import RunsError
from entrepot.db.trash import Keep
from entrepot.oci.names import Tag
from entrepot.upkeep import tag_retention
from entrepot.upkeep.tag_rules import Rules
from entrepot.versions import promotion
from entrepot.versions.gathering import Promoter
from entrepot.versions.promotion import Wanted

ANN = By("user:ann")
OWNER = Promoter(Actor("user:ann"), [Grant(1, "user:ann", "owner", "*", 0, "", None)])
TAKE_ALL = Rules(keep_newest=0, untagged_days=0)


@pytest.fixture
def digests(sqlite: SQLite) -> dict[str, str]:
    """1.0 to 1.5, of which all but the first went through `dev`, which keeps two."""
    found = {}
    for number in range(6):
        blob(sqlite, b"%d" % number)
        found[f"1.{number}.0"] = str(
            manifest(sqlite, image(config=b"%d" % number), f"1.{number}.0")
        )
    channels.put(sqlite, "team", ("dev",), "user:ann")
    channels.set_gates(sqlite, "team", "dev", {"keep": 2})
    for version in list(found)[1:]:
        promote(sqlite, version)
    return found


def promote(db: SQLite, version: str) -> None:
    promotion.promote(db, Wanted(APP, version, "dev"), OWNER, ANN)


KEPT = {"dev", "1.3.0", "1.4.0", "1.5.0"}


def test_retention_keeps_it_and_says_why(sqlite: SQLite, digests: dict[str, str]) -> None:
    plan = tag_retention.look(sqlite, APP, TAKE_ALL)
    assert {each.tag.name for each in plan.tags if each.keep} == KEPT
    why = {each.tag.name: each.why for each in plan.tags}
    assert "is in the channel dev" in why["dev"]
    assert "is kept for a rollback of the channel dev" in why["1.3.0"]


def test_without_its_tag_it_is_not_collected(sqlite: SQLite, digests: dict[str, str]) -> None:
    with pytest.raises(RunsError, match="is kept for a rollback of the channel dev"):
        tags.remove(sqlite, APP, Tag("1.3.0"))
    for version in digests:
        tags.remove(sqlite, APP, Tag(version), even_if_running=True)
    loose = {each.digest for each in idle.overdue(sqlite, Why.UNTAGGED, 9e9, 10) if not each.kept}
    assert digests["1.3.0"] in loose
    going = {each.found.digest for each in tag_retention.look(sqlite, APP, TAKE_ALL).manifests}
    assert going == {digests[version] for version in ("1.0.0", "1.1.0", "1.2.0")}


def test_immutable_tags_are_promoted_all_the_same(sqlite: SQLite, digests: dict[str, str]) -> None:
    immutable_rules.set_globs(sqlite, "team", ["*"], by="user:ann")
    promote(sqlite, "1.1.0")
    assert tags.digest_of(sqlite, APP, Tag("dev")) == digests["1.1.0"]


def test_a_restore_moves_no_channel(sqlite: SQLite, digests: dict[str, str]) -> None:
    channels.put(sqlite, "team", (), "user:ann")
    item = tags.remove(sqlite, APP, Tag("dev"), even_if_running=True, keep=Keep(100))
    channels.put(sqlite, "team", ("dev",), "user:ann")
    found = trash.find(sqlite, item or 0)
    assert found is not None
    restored = restore.restore(sqlite, found, move=True, sparse=False, by=ANN)
    assert [(each.tag, each.here) for each in restored.kept] == [("dev", "")]
    assert tags.digest_of(sqlite, APP, Tag("dev")) is None
