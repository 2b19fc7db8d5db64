"""Connections, and the schema's version."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from entrepot.db import engine, schema
from entrepot.db.connection import Connection
from entrepot.db.engine import SQLite

_PREPARE = """
import sys, time
from pathlib import Path
from entrepot.db import engine
print("ready", flush=True)
sys.stdin.readline()
engine.prepare(Path(sys.argv[1]))
"""


@pytest.fixture
def db(sqlite: SQLite) -> SQLite:
    """What only SQLite has."""
    return sqlite


@pytest.mark.parametrize("version", [schema.VERSION + 1, 999])
def test_the_schema_of_another_version_is_refused(folder: Path, version: int) -> None:
    with sqlite3.connect(folder / engine.FILE) as db:
        db.execute(f"pragma user_version = {version}")
    db.close()
    for connect in (engine.prepare, engine.connect_to_read):
        with pytest.raises(schema.SchemaError, match=rf"has schema {version}, .* knows"):
            connect(folder)


def test_preparing_again_changes_nothing(folder: Path, db: Connection) -> None:
    db.execute("insert into repository (name, created_at) values ('kept', 0)")
    engine.prepare(folder)
    assert db.execute("select name from repository").fetchall() == [("kept",)]


def test_several_processes_may_start_at_once_on_an_empty_folder(tmp_path: Path) -> None:
    for round_ in range(5):
        folder = tmp_path / f"data-{round_}"
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", _PREPARE, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for _ in range(6)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        said = [process.communicate(timeout=60)[1].decode() for process in processes]
        assert [process.returncode for process in processes] == [0] * 6, said
        engine.connect_to_read(folder).close()


def test_a_crash_in_the_middle_of_preparing_leaves_nothing_half_made(tmp_path: Path) -> None:
    db = engine.connect(tmp_path)
    db.execute("begin immediate")
    db.execute("create table repository (id integer)")
    db.close()  # as a process does that dies
    engine.prepare(tmp_path)
    engine.connect_to_read(tmp_path).close()


def test_a_connection_to_read_changes_nothing(folder: Path) -> None:
    db = engine.connect_to_read(folder)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("delete from repository")
    db.close()


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2)]
)
def test_settings_of_a_connection(db: Connection, pragma: str, value: str | int) -> None:
    assert db.execute(f"pragma {pragma}").fetchone() == (value,)
