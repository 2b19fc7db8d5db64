"""Questions that only `upkeep.check` asks: they read whole tables."""

from collections.abc import Iterator

from entrepot.db import quarantine
from entrepot.db.connection import Connection
from entrepot.db.quarantine import Kept, Kind

_PAGES = {Kind.BLOB: 200, Kind.MANIFEST: 10}
"""Rows at once: a small blob has 16 KiB, a manifest up to 4 MiB."""


def faults(db: Connection) -> list[str]:
    """What SQLite finds wrong with its own file, and with references between rows."""
    if db.dialect != "sqlite":
        return []  # the server checks its own files
    texts = [text for (text,) in db.execute("pragma integrity_check") if text != "ok"]
    rows = db.execute("pragma foreign_key_check").fetchall()
    return texts + [
        f"a row of {table} refers to a missing {parent}" for table, _, parent, _ in rows
    ]


_DANGLING = (
    "from tag t join repository r on r.id = t.repository where r.trash is null "
    "and not exists (select 1 from manifest m where m.repository = t.repository "
    "and m.digest = t.digest)"
)


def is_dangling(db: Connection, repository: str, tag: str, digest: str) -> bool:
    """Whether a tag points to this digest still, and its manifest is not there."""
    row = db.execute(
        f"select 1 {_DANGLING} and r.name = ? and t.name = ? and t.digest = ?",
        (repository, tag, digest),
    ).fetchone()
    return row is not None


def dangling_tags(db: Connection) -> Iterator[tuple[str, str, str]]:
    """Repository, tag and digest of tags whose manifest is not there."""
    return iter(db.execute(f"select r.name, t.name, t.digest {_DANGLING}"))


def missing_parts(db: Connection) -> Iterator[tuple[str, str, str]]:
    """Repository, manifest and part, where the repository has no such blob or manifest.

    What lies in the trash may miss its platforms, which are restored with it; what stands for
    another registry has what was asked for.
    """
    return iter(
        db.execute(
            "select r.name, m.digest, e.child from edge e join manifest m on m.id = e.manifest "
            "join repository r on r.id = e.repository "
            "where r.trash is null "
            "and not exists (select 1 from manifest c where c.repository = e.repository "
            "and c.digest = e.child) and not exists (select 1 from blob b "
            "join repository_blob x on x.blob = b.id and x.repository = e.repository "
            "where b.digest = e.child) and not exists (select 1 from upstream u "
            "where r.name > u.project || '/' and r.name < u.project || '0')"
        )
    )


def contents(db: Connection, kind: Kind) -> Iterator[Kept]:
    """Every blob or manifest, as it is kept.

    In pages: hashing all that takes hours, and a query that is open so long would show the past,
    and keep the log of the database from being emptied.
    """
    last = 0
    while page := quarantine.after(db, kind, last, _PAGES[kind]):
        yield from page
        last = page[-1].id


def is_named(db: Connection, name: str) -> bool:
    """Whether a piece or the garbage list speaks of an object."""
    row = db.execute(
        "select exists (select 1 from piece where name = :name) "
        "or exists (select 1 from garbage where object = :name) "
        "or exists (select 1 from quarantined_piece where name = :name)",
        {"name": name},
    ).fetchone()
    return bool(row[0])
