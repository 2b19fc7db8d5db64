"""Reports: what tests said of a manifest. Of one name the newest counts.

They are small, and in no quota; so of each manifest the last ones are kept alone. One whose report
was pushed out by others has none, and gates refuse it.
"""

import time
from dataclasses import dataclass, replace

from entrepot.db.connection import Connection


@dataclass(frozen=True, slots=True)
class Report:
    """A row; times are seconds since 1970."""

    id: int
    digest: str
    name: str
    passed: bool
    url: str
    actor: str
    at: float
    size: int = 0
    """Characters of the document that came with it."""


KEPT = 200
"""Of a manifest."""

_COLUMNS = "id, digest, name, passed, url, actor, at, length(document)"


def _read(row: tuple[object, ...]) -> Report:
    number, digest, name, passed, *rest = row
    return Report(number, digest, name, bool(passed), *rest)  # type: ignore[arg-type]


def add(db: Connection, number: int, report: Report, document: str) -> Report:
    """Post a report."""
    at = report.at or time.time()
    row = db.execute(
        "insert into report (repository, digest, name, passed, url, document, actor, at) "
        "values (?, ?, ?, ?, ?, ?, ?, ?) returning id",
        (
            number,
            report.digest,
            report.name,
            int(report.passed),
            report.url,
            document,
            report.actor,
            at,
        ),
    ).fetchone()
    db.execute(
        "delete from report where repository = :number and digest = :digest and id <= "
        "(select id from report where repository = :number and digest = :digest "
        "order by id desc limit 1 offset :kept)",
        {"number": number, "digest": report.digest, "kept": KEPT},
    )
    return replace(report, id=row[0], at=at, size=len(document))


def of(db: Connection, number: int, digest: str) -> list[Report]:
    """All that were posted of a manifest, the newest first."""
    rows = db.execute(
        f"select {_COLUMNS} from report where repository = ? and digest = ? order by id desc",
        (number, digest),
    )
    return [_read(row) for row in rows]


def document(db: Connection, number: int, report: int) -> str | None:
    """What came with a report; None where the repository has no such one."""
    row = db.execute(
        "select document from report where repository = ? and id = ?", (number, report)
    ).fetchone()
    return row[0] if row else None
