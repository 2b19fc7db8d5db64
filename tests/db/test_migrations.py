"""Databases of every earlier version become like new ones, and keep what was in them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from entrepot.db import immutable_rules, place
from entrepot.db.connection import Connection
from entrepot.db.place import Place
from entrepot.db.schema import SCRIPTS, VERSION, Dialect, SchemaError, revision, statements

EARLIER = range(1, VERSION)
NAMES = ("team/app", "team/other/deep", "alone")

COLUMNS = {
    "sqlite": "select m.name || '.' || c.name, lower(c.type), c.\"notnull\", c.dflt_value, c.pk "
    "from sqlite_schema m join pragma_table_info(m.name) c where m.type = 'table' "
    "and m.name <> 'alembic_version' order by 1",
    "postgresql": "select table_name || '.' || column_name, data_type, is_nullable, "
    "column_default, collation_name from information_schema.columns where table_schema = 'public' "
    "and table_name <> 'alembic_version' order by 1",
}
INDEXES = {
    "sqlite": "select name, sql from sqlite_schema where type = 'index' and sql is not null "
    "order by name",
    "postgresql": "select indexname, indexdef from pg_indexes where schemaname = 'public' "
    "and tablename <> 'alembic_version' order by 1",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where there is no database yet."""
    if request.param == "sqlite":
        return place.find(tmp_path)
    return place.find(tmp_path, request.getfixturevalue("database_url"))


def make(where: Place, version: int) -> None:
    """A database as an earlier Entrepot made it, with repositories in it."""
    with closing(where.connect()) as db:
        dialect: Dialect = "sqlite" if db.dialect == "sqlite" else "postgresql"
        for script in SCRIPTS[:version]:
            for statement in statements(script, dialect):
                db.execute(statement)
        for name in NAMES:
            db.execute("insert into repository (name, created_at) values (?, 0)", (name,))
        if dialect == "sqlite":  # there was no Alembic then
            db.execute(f"pragma user_version = {version}")
        else:
            db.execute("create table alembic_version (version_num varchar(32) primary key)")
            db.execute("insert into alembic_version values (?)", (revision(version),))


def shape(where: Place) -> list[object]:
    with closing(where.connect()) as db:
        columns = [list(map(str, row)) for row in db.execute(COLUMNS[db.dialect])]
        indexes = [[str(word) for word in row] for row in db.execute(INDEXES[db.dialect])]
    return [columns, [[name, " ".join(text.split())] for name, text in indexes]]


@pytest.fixture
def wanted(where: Place, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[list[object]]:
    """The shape of a new database."""
    if isinstance(where, place.Folder):
        new = place.find(tmp_path / "new")
        new.prepare()
        yield shape(new)
        return
    server = request.getfixturevalue("postgres")
    url = server.new()
    new = place.find(tmp_path, url)
    new.prepare()
    yield shape(new)
    server.drop(url)


@pytest.mark.parametrize("version", EARLIER)
def test_an_earlier_version_becomes_like_a_new_one(
    where: Place, wanted: list[object], version: int
) -> None:
    make(where, version)
    assert where.versions() == (version, VERSION)
    assert where.upgrade() == (version, VERSION)
    assert where.versions() == (VERSION, VERSION)
    assert shape(where) == wanted
    with closing(where.connect()) as db:
        assert names(db) == sorted(NAMES)
        found = db.execute("select version_num from alembic_version").fetchall()
        assert found == [(revision(VERSION),)]
    assert where.upgrade() == (VERSION, VERSION)
    where.prepare()


def names(db: Connection) -> list[str]:
    return [name for (name,) in db.execute("select name from repository order by name")]


def test_repositories_from_before_accounts_get_private_projects(where: Place) -> None:
    make(where, 1)
    where.upgrade()
    with closing(where.connect()) as db:
        rows = db.execute("select name, public, created_by from project order by name").fetchall()
    assert rows == [("alone", 0, "upgrade"), ("team", 0, "upgrade")]


def test_globs_of_projects_become_rules(where: Place) -> None:
    make(where, 4)
    with closing(where.connect()) as db:
        for name, globs in (("team", '["v*", "[0-9]*", "v*"]'), ("alone", '["*"]'), ("none", "[]")):
            db.execute(
                "insert into project (name, created_at, created_by, immutable) "
                "values (?, 0, 'anna', ?)",
                (name, globs),
            )
    where.upgrade()
    with closing(where.connect()) as db:
        rules = immutable_rules.every(db)
    assert sorted((rule.repositories, rule.tags) for rule in rules) == [
        ("alone/*", "*"),
        ("team/*", "[0-9]*"),
        ("team/*", "v*"),
    ]
    assert {(rule.kind, rule.setter) for rule in rules} == {(immutable_rules.Kind.GLOB, "")}


@pytest.mark.parametrize("version", EARLIER)
def test_sqlite_is_upgraded_at_the_start_and_a_copy_kept(tmp_path: Path, version: int) -> None:
    where = place.find(tmp_path)
    make(where, version)
    where.prepare()
    assert where.versions() == (VERSION, VERSION)
    copy = tmp_path / f"entrepot.sqlite.v{version}"
    assert copy.stat().st_mode & 0o077 == 0
    kept = tmp_path / "kept"
    kept.mkdir()
    copy.rename(kept / "entrepot.sqlite")
    assert place.find(kept).versions() == (version, VERSION)


@pytest.mark.parametrize("version", EARLIER)
def test_postgresql_waits_for_whoever_says_so(
    tmp_path: Path, database_url: str, version: int
) -> None:
    where = place.find(tmp_path, database_url)
    make(where, version)
    for use in (where.prepare, where.connect_to_read):
        with pytest.raises(SchemaError, match="run entrepot db upgrade"):
            use()
    assert where.versions() == (version, VERSION)


def test_one_from_the_future_is_refused(where: Place) -> None:
    where.prepare()
    with closing(where.connect()) as db:
        if db.dialect == "sqlite":
            db.execute("pragma user_version = 999")
        db.execute("update alembic_version set version_num = '0999'")
    for use in (where.prepare, where.upgrade, where.connect_to_read):
        with pytest.raises(SchemaError, match=r"has schema 999, .* run the version that wrote it"):
            use()


def test_a_migration_that_fails_changes_nothing(where: Place) -> None:
    make(where, 1)
    with closing(where.connect()) as db:
        db.execute("create table job (name text)")
    with pytest.raises(Exception, match="job"):
        where.upgrade()
    with closing(where.connect()) as db:
        db.execute("drop table job")
    assert where.versions() == (1, VERSION)
    assert where.upgrade() == (1, VERSION)


_PREPARE = """
import sys
from pathlib import Path
from entrepot.db import place
print("ready", flush=True)
url = sys.stdin.readline().strip()
place.find(Path(), url).prepare()
"""


def test_of_several_that_start_on_an_empty_server_one_makes_the_schema(database_url: str) -> None:
    several = [
        subprocess.Popen(
            [sys.executable, "-c", _PREPARE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for each in several:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in several:
        assert each.stdin is not None
        each.stdin.write(database_url + "\n")
        each.stdin.flush()
    for each in several:
        _, error = each.communicate(timeout=60)
        assert each.returncode == 0, error


def test_a_start_needs_no_sqlalchemy(tmp_path: Path) -> None:
    """Importing it takes longer than all the rest."""
    code = (
        "import sys; from pathlib import Path; from entrepot.db import place;"
        "where = place.find(Path(sys.argv[1])); where.prepare(); where.prepare();"
        "sys.exit('sqlalchemy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
