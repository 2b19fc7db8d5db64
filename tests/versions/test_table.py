"""The table on both databases, from pushes to a page."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.content import image
from tests.db.pushed import APP, blob, manifest

from entrepot.db import repositories, version_notes
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.version_notes import Kind, Read
from entrepot.oci.names import Tag
from entrepot.versions import order, table
from entrepot.versions.catalogue import Catalogue
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
    found = order.look(db, APP, before)
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
    assert rows[0].image.size > len(b"layer")
    assert [row.plan.text if row.plan else "" for row in rows] == ["", "Friday", ""]
    assert tags(page(db, catalogue, after=rows[-1].entry)) == ["1.1.0", "1.0.0"]
    assert page(db, catalogue, after=page(db, catalogue)[-1].entry) == []


def test_an_order_made_again_is_as_one_made_anew(db: Connection) -> None:
    push(db, "1.0.0", "1.0", "latest")
    first = look(db)
    push(db, "1.1.0", "latest")
    push(db, "1.0.1-alpine")
    again, anew = look(db, first), look(db)
    assert again == anew
    kept = {entry.version.tag: entry.version for entry in again.entries}
    assert kept["1.0.0"] is first.by_tag["1.0.0"].version


def test_an_order_is_not_made_of_one_that_was_read_otherwise(db: Connection) -> None:
    push(db, "1.0.0", "2026-11-26")
    first = look(db)
    number = first.number
    version_notes.set_reading(db, (number, APP), Read("date"), EVE)
    assert [entry.version.tag for entry in look(db, first).entries] == ["2026-11-26"]


def test_no_repository_no_order(db: Connection) -> None:
    assert order.look(db, APP) is None
