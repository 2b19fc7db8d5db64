"""The table on both databases, from pushes to a page."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.content import image
from tests.db.pushed import APP, OTHER, blob, manifest

from entrepot.db import channels, repositories, version_notes
from entrepot.db import tags as tags_of
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.version_notes import Kind, Read
from entrepot.oci.names import Tag
from entrepot.versions import ordering, table
from entrepot.versions.catalogue import Catalogue
from entrepot.versions.labels import Labels
from entrepot.versions.order import Order
from entrepot.versions.table import Row, Wanted

EVE = By("user:eve")


@pytest.fixture
def catalogue() -> Catalogue:
    log = SimpleNamespace(subscribe=lambda follower: None)
    return Catalogue(cast("Database", SimpleNamespace(log=log)))


def push(db: Connection, *names: str) -> None:
    platform = {"os": "linux", "architecture": "arm64", "config": {"Labels": {"n": names[0]}}}
    config = json.dumps(platform).encode()
    for content in (config, b"layer"):
        blob(db, content)
    manifest(db, image(b"layer", config=config), *names)


def look(db: Connection, before: Order | None = None) -> Order:
    found = ordering.look(db, APP, before)
    assert found
    return found


def page(db: Connection, catalogue: Catalogue, **wanted: Any) -> list[Row]:
    return table.page(db, catalogue, APP, look(db), Wanted(**wanted))


def tags(rows: list[Row]) -> list[str]:
    return [row.entry.version.tag for row in rows]


def test_pages_of_rows(db: Connection, catalogue: Catalogue) -> None:
    for minor in range(5):
        push(db, f"1.{minor}.0")
    number = repositories.identify(db, APP)
    assert number is not None
    version_notes.write(db, (number, APP), Tag("1.3.0"), (Kind.PLAN, "Friday"), by=EVE)
    rows = page(db, catalogue, limit=3)
    assert tags(rows) == ["1.4.0", "1.3.0", "1.2.0"]
    assert rows[0].image.labels.platforms == ("linux/arm64",)
    assert (rows[0].image.size or 0) > len(b"layer")
    assert [row.plan.text if row.plan else "" for row in rows] == ["", "Friday", ""]
    assert tags(page(db, catalogue, after=rows[-1].entry)) == ["1.1.0", "1.0.0"]
    assert page(db, catalogue, after=page(db, catalogue)[-1].entry) == []


def test_a_configuration_of_another_repository_says_nothing_here(
    db: Connection, catalogue: Catalogue
) -> None:
    """Where sparse manifests are allowed, anyone can push one that names what is not theirs."""
    config = b'{"os": "linux", "architecture": "arm64", "config": {"Labels": {"a": "secret"}}}'
    blob(db, config, OTHER)
    blob(db, b"layer")
    manifest(db, image(b"layer", config=config), "1.0.0", sparse=True)
    (row,) = page(db, catalogue)
    assert row.image.labels == Labels()
    own = db.execute("select size from manifest").fetchone()[0]
    assert row.image.size == own + len(b"layer")


def test_an_order_made_again_is_as_one_made_anew(db: Connection) -> None:
    push(db, "1.0.0", "1.0", "latest", "1.9.0")
    order = look(db)
    place = (order.number, APP)
    steps: list[Callable[[], object]] = [
        lambda: push(db, "1.1.0", "latest"),
        lambda: push(db, "1.0.1-alpine", "1.0.1_5"),
        lambda: push(db, "1.9.0", "1.9"),
        lambda: tags_of.remove(db, APP, Tag("1.1.0")),
        lambda: tags_of.remove(db, APP, Tag("latest")),
        lambda: push(db, f"sha256-{'a' * 64}.sig"),
        lambda: channels.put(db, APP.name, ["1.0"], "user:eve"),
        lambda: version_notes.set_reading(db, place, Read("semver", ()), EVE),
        lambda: version_notes.write(db, place, Tag("1.0.0"), (Kind.PLAN, "x"), by=EVE),
        lambda: repositories.remove(db, APP),
        lambda: push(db, "3.0.0"),
    ]
    for step in steps:
        step()
        again, anew = ordering.look(db, APP, order), ordering.look(db, APP)
        assert again == anew
        order = again or order
    assert [entry.version.tag for entry in order.entries] == ["3.0.0"]


def test_what_did_not_change_is_not_read_again(db: Connection) -> None:
    push(db, "1.0.0")
    first = look(db)
    push(db, "1.1.0")
    assert look(db, first).by_tag["1.0.0"] is first.by_tag["1.0.0"]


def test_an_order_is_not_made_of_one_that_was_read_otherwise(db: Connection) -> None:
    push(db, "1.0.0", "2026-11-26")
    first = look(db)
    number = first.number
    version_notes.set_reading(db, (number, APP), Read("date"), EVE)
    assert [entry.version.tag for entry in look(db, first).entries] == ["2026-11-26"]


def test_no_repository_no_order(db: Connection) -> None:
    assert ordering.look(db, APP) is None
