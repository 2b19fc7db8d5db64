"""Bad versions: what is promoted nowhere until a maintainer frees it."""

import time
from dataclasses import dataclass

from entrepot.db.connection import Connection


@dataclass(frozen=True, slots=True)
class BadVersion:
    """A row; times are seconds since 1970."""

    digest: str
    version: str
    """As it was called when it was marked."""
    reason: str
    actor: str
    at: float = 0


_COLUMNS = "digest, version, reason, actor, at"


def mark(db: Connection, number: int, bad: BadVersion) -> BadVersion:
    """Mark a manifest; one that is bad already is so for the newer reason."""
    row = db.execute(
        f"insert into bad_version (repository, {_COLUMNS}) values (?, ?, ?, ?, ?, ?) "
        "on conflict (repository, digest) do update set version = excluded.version, "
        "reason = excluded.reason, actor = excluded.actor, at = excluded.at "
        f"returning {_COLUMNS}",
        (number, bad.digest, bad.version, bad.reason, bad.actor, bad.at or time.time()),
    ).fetchone()
    return BadVersion(*row)


def free(db: Connection, number: int, digest: str) -> bool:
    """Take the mark away. False where there is none."""
    gone = db.execute(
        "delete from bad_version where repository = ? and digest = ?", (number, digest)
    )
    return gone.rowcount > 0


def find(db: Connection, number: int, digest: str) -> BadVersion | None:
    """The mark of a manifest; None where it is not bad."""
    row = db.execute(
        f"select {_COLUMNS} from bad_version where repository = ? and digest = ?",
        (number, digest),
    ).fetchone()
    return BadVersion(*row) if row else None


def of(db: Connection, number: int) -> list[BadVersion]:
    """All of a repository, the newest first."""
    rows = db.execute(
        f"select {_COLUMNS} from bad_version where repository = ? order by at desc, digest",
        (number,),
    )
    return [BadVersion(*row) for row in rows]
