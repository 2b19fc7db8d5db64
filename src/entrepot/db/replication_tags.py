"""What each replication has to do, and did: a row for each of its tags.

Whoever does it takes a row as it is, and writes down what came of that only while nothing new was
put in line: so a change that comes meanwhile is not lost, and what a kill cut is done once more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from entrepot.db.clocks import APART
from entrepot.db.connection import Connection


class State(StrEnum):
    """How a tag stands."""

    WAITING = "waiting"
    """It is to be looked at, or tried again."""
    DONE = "done"
    """Both ends are the same, as far as is known."""
    CONFLICT = "conflict"
    """The other end has something else, and keeps it, by the rule that docs/replication.md says."""


@dataclass(frozen=True, slots=True)
class Item:
    """A row; times are seconds since 1970."""

    rule: str
    repository: str
    """Its name here."""
    tag: str
    state: State
    gone: bool
    """Whether the source has it no more."""
    turn: int
    digest: str
    """That both ends had last; "" for none."""
    parts: str
    since: float | None
    next_at: float | None
    attempts: int
    error: str
    done_at: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a rule stands."""

    waiting: int
    failing: int
    """Of those that wait, how many were tried and failed."""
    conflicts: int
    done: int
    oldest: float | None
    """When the oldest change was made that has not arrived."""
    error: str
    """Of the one that failed last."""


_COLUMNS = (
    "rule, repository, tag, state, gone, turn, digest, parts, since, next_at, attempts, error, "
    "done_at"
)


def _read(row: tuple[object, ...]) -> Item:
    rule, repository, tag, state, gone, *rest = row
    return Item(rule, repository, tag, State(state), bool(gone), *rest)  # type: ignore[arg-type]


Entry = tuple[str, str, bool]
"""A repository, a tag, and whether the source has it no more."""


def enlist(db: Connection, rule: str, found: Iterable[tuple[Entry, float]], turn_at: float) -> None:
    """Put tags in line, each with when it changed, for a time; what waits already keeps its place,
    where that is a better one.
    """
    db.executemany(
        "insert into replication_tag (rule, repository, tag, state, gone, since, next_at) "
        "values (?, ?, ?, 'waiting', ?, ?, ?) on conflict (rule, repository, tag) do update set "
        "gone = excluded.gone, turn = replication_tag.turn + 1, attempts = 0, next_at = case when "
        "replication_tag.state = 'waiting' and replication_tag.next_at < excluded.next_at then "
        "replication_tag.next_at else excluded.next_at end, since = case when "
        "replication_tag.state = 'waiting' then replication_tag.since else excluded.since end, "
        "state = 'waiting'",
        [(rule, name, tag, int(gone), since, turn_at) for (name, tag, gone), since in found],
    )


def due(db: Connection, rule: str, now: float, limit: int) -> list[Item]:
    """Those whose time has come, in its order, which the index has in each database."""
    rows = db.execute(
        f"select {_COLUMNS} from replication_tag where rule = ? and state = 'waiting' "
        "and next_at <= ? order by next_at limit ?",
        (rule, now, limit),
    ).fetchall()
    return [_read(row) for row in rows]


def next_at(db: Connection, rule: str, now: float) -> float | None:
    """When the next one's time comes, of those that still wait for it; None for none."""
    found: float | None = db.execute(
        "select min(next_at) from replication_tag where rule = ? and state = 'waiting' "
        "and next_at > ?",
        (rule, now),
    ).fetchone()[0]
    return found


def hasten(db: Connection, rule: str, now: float, most: float) -> None:
    """Let those go on now that wait for longer than so many seconds, which none does by a clock
    that is right.
    """
    db.execute(
        "update replication_tag set next_at = :now where rule = :rule and state = 'waiting' "
        "and next_at > :far",
        {"rule": rule, "now": now, "far": now + most + APART},
    )


_THIS = "where rule = :rule and repository = :repository and tag = :tag and turn = :turn"


def _of(item: Item) -> dict[str, object]:
    return {
        "rule": item.rule,
        "repository": item.repository,
        "tag": item.tag,
        "turn": item.turn,
    }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one."""

    state: State
    digest: str
    """That both ends have now; "" for none."""
    parts: str = ""
    note: str = ""
    """What is to be said about it."""


def end(db: Connection, item: Item, outcome: Outcome, now: float) -> None:
    """Both ends are the same, or are to differ; nothing where it was put in line meanwhile."""
    db.execute(
        "update replication_tag set state = :state, digest = :digest, parts = :parts, "
        f"error = :note, attempts = 0, since = null, next_at = null, done_at = :now {_THIS}",
        {
            **_of(item),
            "state": outcome.state.value,
            "digest": outcome.digest,
            "parts": outcome.parts,
            "note": outcome.note,
            "now": now,
        },
    )


def agree(db: Connection, rule: str, where: tuple[str, str], digest: str, now: float) -> bool:
    """Note that both ends have a tag, by repository and name, without a look; whether that was to
    be done, which it is not where the tag waits for something.
    """
    row = db.execute(
        "insert into replication_tag (rule, repository, tag, state, digest, done_at) "
        "values (?, ?, ?, 'done', ?, ?) on conflict (rule, repository, tag) do update set "
        "state = 'done', digest = excluded.digest, done_at = excluded.done_at, error = '', "
        "gone = 0, parts = case when replication_tag.digest = excluded.digest "
        "then replication_tag.parts else '' end where replication_tag.state <> 'waiting' "
        "returning turn",
        (rule, *where, digest, now),
    ).fetchone()
    return row is not None


def forget(db: Connection, item: Item) -> None:
    """Neither end has it."""
    db.execute(f"delete from replication_tag {_THIS}", _of(item))


def fail(db: Connection, item: Item, error: str, again_at: float) -> None:
    """It could not be done, and is tried again."""
    db.execute(
        "update replication_tag set attempts = attempts + 1, error = :error, next_at = :again "
        f"{_THIS}",
        {**_of(item), "error": error, "again": again_at},
    )


def page(
    db: Connection, rule: str, state: State | None, after: tuple[str, str], limit: int
) -> list[Item]:
    """A rule's tags, of one state or of all, behind a repository and a tag."""
    only = "" if state is None else "and state = :state"
    rows = db.execute(
        f"select {_COLUMNS} from replication_tag where rule = :rule {only} and "
        "(repository > :repository or (repository = :repository and tag > :tag)) "
        "order by repository, tag limit :limit",
        {
            "rule": rule,
            "repository": after[0],
            "tag": after[1],
            "limit": limit,
            **({} if state is None else {"state": state.value}),
        },
    ).fetchall()
    return [_read(row) for row in rows]


def of(db: Connection, rule: str, repository: str) -> dict[str, Item]:
    """By tag, what is known of a repository."""
    rows = db.execute(
        f"select {_COLUMNS} from replication_tag where rule = ? and repository = ?",
        (rule, repository),
    ).fetchall()
    return {item.tag: item for item in map(_read, rows)}


def repositories(db: Connection, rule: str) -> list[str]:
    """Those that anything is known of."""
    rows = db.execute(
        "select distinct repository from replication_tag where rule = ? order by repository",
        (rule,),
    )
    return [name for (name,) in rows]


def waiting(db: Connection, rule: str, repository: str) -> list[str]:
    """Those of a repository that wait."""
    rows = db.execute(
        "select tag from replication_tag where rule = ? and repository = ? and state = 'waiting'",
        (rule, repository),
    )
    return [tag for (tag,) in rows]


def is_copied(db: Connection, rule: str, repository: str) -> bool:
    """Whether anything of a repository is at the other end, as far as is known."""
    row = db.execute(
        "select 1 from replication_tag where rule = ? and repository = ? and state = 'done' "
        "limit 1",
        (rule, repository),
    ).fetchone()
    return row is not None


def standing(db: Connection, rule: str) -> Standing:
    """How many there are of each kind."""
    counts = dict(
        db.execute(
            "select state, count(*) from replication_tag where rule = ? group by state", (rule,)
        ).fetchall()
    )
    oldest, failing = db.execute(
        "select min(since), coalesce(sum(case when attempts > 0 then 1 else 0 end), 0) "
        "from replication_tag where rule = ? and state = 'waiting'",
        (rule,),
    ).fetchone()
    last = db.execute(
        "select error from replication_tag where rule = ? and state = 'waiting' and attempts > 0 "
        "order by next_at desc, repository, tag limit 1",
        (rule,),
    ).fetchone()
    return Standing(
        counts.get("waiting", 0),
        int(failing),
        counts.get("conflict", 0),
        counts.get("done", 0),
        oldest,
        last[0] if last else "",
    )
