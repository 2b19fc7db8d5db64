"""A clock that was years ahead for a moment holds nothing up once it is right again."""

import time

import pytest
from tests.db.test_fetches import FIRST, WHAT
from tests.db.test_replications import ENTRY, RULE, found

from entrepot.db import (
    deliveries,
    fetches,
    hold,
    jobs,
    pieces,
    replication_tags,
    replications,
    webhook_lines,
    webhooks,
)
from entrepot.db.connection import Connection
from entrepot.db.pieces import Piece
from entrepot.db.webhook_lines import Line
from entrepot.db.webhooks import Webhook

YEAR, HOUR, SOON = 365 * 24 * 3600.0, 3600.0, 60.0
HOOK = "0000000a"


def test_a_lease_of_a_fetch_has_lapsed(db: Connection) -> None:
    fetches.claim(db, WHAT, "first", YEAR)
    assert not fetches.is_taken(db, WHAT)
    assert not fetches.is_others(db, WHAT, "second")
    assert fetches.claim(db, WHAT, "second", 60)
    assert fetches.is_others(db, WHAT, "first")


def test_what_had_come_by_it_is_told_by_the_next_one_or_given_up(db: Connection) -> None:
    fetches.tell(db, WHAT, "first", FIRST, YEAR)
    fetches.tell(db, WHAT, "second", FIRST, YEAR)
    assert fetches.renew(db, WHAT, "second", YEAR)
    pieces.begin(db, "owner", Piece(FIRST.piece))
    fetches.expire(db, HOUR)
    assert fetches.begun(db, WHAT) is None
    assert pieces.garbage(db, 10) == [FIRST.piece]


def test_a_hold_has_lapsed(db: Connection) -> None:
    pieces.throw_away(db, [("a" * 32, 1)], "nothing needs it")
    assert hold.take(db, "first", 120, lambda _: False) is None
    assert hold.take(db, "second", 120, lambda _: False) == "first"
    assert pieces.garbage(db, 10) == []
    db.execute("update job set lease_until = lease_until + ?", (YEAR,))
    assert pieces.garbage(db, 10) == ["a" * 32]
    assert hold.take(db, "second", 120, lambda _: False) is None


@pytest.mark.parametrize("years", [0, 1])
def test_an_object_that_could_not_be_deleted_is_tried_again(years: int, db: Connection) -> None:
    pieces.throw_away(db, [("a" * 32, 1)], "nothing needs it")
    pieces.put_off(db, "a" * 32, "the store is away")
    db.execute("update garbage set later = later + ?", (years * YEAR,))
    assert len(pieces.garbage(db, 10)) == years


def test_lines_of_webhooks_go_on(db: Connection) -> None:
    webhooks.add(db, Webhook(HOOK, "https://x.test", "secret", "*", frozenset(), "slack"))
    deliveries.enlist(db, 2, {HOOK: [(1, "team/one"), (2, "team/two")]}, 10.0)
    webhook_lines.put(db, Line(HOOK, "team/one", 10.0 + YEAR))
    webhook_lines.put(db, Line(HOOK, "team/two", 10.0 + HOUR))
    webhook_lines.hasten(db, 10.0, HOUR)
    assert [each.repository for each in webhook_lines.due(db, HOOK, 10.0, 9)] == ["team/one"]


def test_tags_that_wait_for_a_replication_go_on(db: Connection) -> None:
    replications.add(db, RULE)
    other = ("team/app", "2.0", False)
    replication_tags.enlist(db, "far", [(ENTRY, 10.0)], 10.0 + YEAR)
    replication_tags.enlist(db, "far", [(other, 10.0)], 10.0 + HOUR)
    replication_tags.hasten(db, "far", 10.0, HOUR)
    assert [each.tag for each in replication_tags.due(db, "far", 10.0, 9)] == [ENTRY[1]]


def test_all_is_compared_by_a_replication(db: Connection) -> None:
    now = time.time()
    replications.add(db, RULE)
    replications.compared(db, "far", now + YEAR, "")
    assert found(db).next_compare() == 0
    replications.compared(db, "far", now, "")
    replications.ask(db, "far", now + YEAR)
    assert found(db).next_compare() > now, "it would be compared again and again"


def test_a_job_is_leased_by_nobody(db: Connection) -> None:
    jobs.enlist(db, [("count", "Counts.", 60)])
    assert jobs.claim(db, "count", "first", YEAR) is not None
    assert jobs.claim(db, "count", "second", 30) is not None
    assert jobs.claim(db, "count", "third", 30) is None
    jobs.claim(db, "count", "second", YEAR, before="second")
    jobs.enlist(db, [("other", "Is another's.", None)])
    assert [each.name for each in jobs.every(db)] == ["other"]
