"""The export: JSON lines and CSV that say the same; no cell is a formula."""

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.db.audited import event, fill

from entrepot.db import audit, engine, entries
from entrepot.db.connection import Connection
from entrepot.upkeep.export import HEADINGS, NAMES, as_csv, as_lines


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    engine.prepare(tmp_path)
    with closing(engine.connect(tmp_path)) as db:
        yield db


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_lines_and_csv_say_the_same(db: Connection) -> None:
    fill(db, 3)
    found = entries.following(db, 0, 10)
    lines = [json.loads(line) for line in as_lines(found).splitlines()]
    assert lines == [entry.document() for entry in found]
    rows = read(HEADINGS + as_csv(found))
    assert [tuple(row) for row in rows] == [NAMES] * 3
    for row, line in zip(rows, lines, strict=True):
        assert json.loads(row["detail"]) == line["detail"]
        assert [row[name] for name in NAMES if name != "detail"] == [
            str(line[name]) for name in NAMES if name != "detail"
        ]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@sum(A1)", "'@sum(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("docker", "docker"),
        ("a=1", "a=1"),
        ('say "x", y', 'say "x", y'),
        ("two\nlines", "two\nlines"),
        ("ü", "ü"),
        ("", ""),
    ],
    ids=repr,
)
def test_a_cell_is_never_a_formula(db: Connection, text: str, cell: str) -> None:
    audit.append(db, event(1, by=replace(event(1).by, agent=text), reference=text))
    [row] = read(HEADINGS + as_csv(entries.following(db, 0, 10)))
    assert (row["agent"], row["reference"]) == (cell, cell)


def test_nothing_is_nothing() -> None:
    assert (as_lines([]), as_csv([])) == (b"", b"")
