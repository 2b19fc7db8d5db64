"""What webhooks are to be sent: lines per repository, of which the first goes."""

import pytest

from entrepot.db import changes, deliveries, webhook_lines, webhooks
from entrepot.db.changes import Change, Kind
from entrepot.db.connection import Connection
from entrepot.db.deliveries import Delivery, Outcome, State
from entrepot.db.webhooks import Webhook
from entrepot.oci.names import Repository

A, B = "0000000a", "0000000b"
ONE, TWO = "team/one", "team/two"
GOOD = Outcome(50.0, 0.1, 200)
BAD = Outcome(60.0, 0.1, 500, "it answered 500")


@pytest.fixture
def lines(db: Connection) -> Connection:
    """Two webhooks, for each of which two changes of one repository and one of another wait."""
    for number in (A, B):
        webhooks.add(db, Webhook(number, "https://x.test", "secret", "*", frozenset(), "slack"))
        deliveries.enlist(db, 3, {number: [(1, ONE), (2, ONE), (3, TWO)]}, 10.0)
    return db


def due(db: Connection, now: float = 20.0, limit: int = 9) -> list[int]:
    return [each.change for each in heads(db, now, limit)]


def heads(db: Connection, now: float = 20.0, limit: int = 9) -> list[Delivery]:
    """The first of each line that is due."""
    found = webhook_lines.due(db, A, now, limit)
    return [head for each in found if (head := deliveries.first(db, A, each.repository))]


def first(db: Connection) -> Delivery:
    return heads(db)[0]


def test_the_first_of_each_line_is_due(lines: Connection) -> None:
    assert due(lines) == [1, 3]
    assert due(lines, limit=1) == [1]
    assert due(lines, now=9.0) == []
    assert webhook_lines.next_at(lines, A, 9.0) == 10.0
    assert webhook_lines.next_at(lines, A, 10.0) is None


def test_for_whom_anything_waits(lines: Connection) -> None:
    third = "0000000c"
    webhooks.add(lines, Webhook(third, "https://x.test", "secret", "*", frozenset(), "slack"))
    assert webhook_lines.webhooks(lines) == {A: 10.0, B: 10.0}
    deliveries.enlist(lines, 3, {third: [(3, TWO)]}, 10.0)
    assert list(webhook_lines.webhooks(lines)) == [A, B, third]
    for number in (A, third):
        webhooks.remove(lines, number)
    assert list(webhook_lines.webhooks(lines)) == [B]
    webhooks.remove(lines, B)
    assert webhook_lines.webhooks(lines) == {}


def test_what_is_put_in_line_twice_is_there_once(lines: Connection) -> None:
    deliveries.enlist(lines, 4, {A: [(3, TWO), (4, TWO)]}, 11.0)
    assert [each.change for each in deliveries.page(lines, A, None, None, 9)] == [4, 3, 2, 1]
    found = webhooks.find(lines, A)
    assert found is not None
    assert found.cursor == 4


def test_what_was_sent_is_in_line_no_more(lines: Connection) -> None:
    """Who has lost the lease may put in line what another one has sent; a line of nothing would
    take the place of one of something.
    """
    for _ in range(3):
        deliveries.succeed(lines, heads(lines, now=100.0)[0].id, GOOD)
    assert list(webhook_lines.webhooks(lines)) == [B]
    deliveries.enlist(lines, 3, {A: [(1, ONE), (2, ONE), (3, TWO)]}, 11.0)
    assert list(webhook_lines.webhooks(lines)) == [B]
    deliveries.enlist(lines, 4, {A: [(2, ONE), (4, TWO)]}, 11.0)
    assert due(lines) == [4]


def test_nothing_is_put_in_line_for_one_that_is_gone(lines: Connection) -> None:
    webhooks.remove(lines, A)
    deliveries.enlist(lines, 9, {A: [(9, ONE)]}, 11.0)
    assert deliveries.page(lines, A, None, None, 9) == []
    assert deliveries.waiting(lines, A, 9) == 0
    assert deliveries.waiting(lines, B, 9) == 3
    assert deliveries.waiting(lines, B, 2) == 2


def test_after_the_first_comes_the_next(lines: Connection) -> None:
    deliveries.succeed(lines, first(lines).id, GOOD)
    assert due(lines, now=49.0) == [3]
    assert due(lines, now=50.0) == [3, 2]
    for change in (2, 3):
        (found,) = (each for each in heads(lines, 99.0) if each.change == change)
        deliveries.succeed(lines, found.id, GOOD)
    assert webhook_lines.next_at(lines, A, 0.0) is None
    assert deliveries.counts(lines, A) == {State.WAITING: 0, State.DELIVERED: 3, State.DEAD: 0}
    assert deliveries.counts(lines, B)[State.WAITING] == 3


def test_a_line_whose_first_failed_waits(lines: Connection) -> None:
    deliveries.fail(lines, first(lines).id, BAD, 70.0)
    assert due(lines, now=69.0) == [3]
    assert due(lines, now=70.0) == [3, 1]
    (found,) = (each for each in deliveries.page(lines, A, None, None, 9) if each.change == 1)
    assert (found.attempts, found.failed_at, found.status) == (1, 60.0, 500)
    deliveries.fail(lines, found.id, Outcome(75.0, 0.1, None, "it broke off"), 90.0)
    found = deliveries.page(lines, A, None, None, 9)[-1]
    assert (found.attempts, found.failed_at, found.status) == (2, 60.0, None)


def test_what_is_dead_lets_the_next_go(lines: Connection) -> None:
    deliveries.die(lines, first(lines).id, BAD)
    assert due(lines, now=60.0) == [3, 2]
    (dead,) = deliveries.page(lines, A, State.DEAD, None, 9)
    assert (dead.change, dead.ended_at, dead.error) == (1, 60.0, "it answered 500")


def test_what_has_ended_is_not_ended_again(lines: Connection) -> None:
    """A sender that lost its lease may still write down what came of its last message."""
    number = first(lines).id
    deliveries.succeed(lines, number, GOOD)
    deliveries.fail(lines, number, BAD, 99.0)
    deliveries.die(lines, number, BAD)
    assert deliveries.counts(lines, A)[State.DELIVERED] == 1
    assert due(lines, now=55.0) == [3, 2]


def test_sent_again_it_goes_before_what_waits(lines: Connection) -> None:
    number = first(lines).id
    deliveries.die(lines, number, BAD)
    assert deliveries.replay(lines, A, None) == 1
    assert deliveries.replay(lines, A, None) == 0
    assert 1 in due(lines, 2e9)
    (found,) = (each for each in deliveries.page(lines, A, None, None, 9) if each.change == 1)
    assert (found.state, found.attempts, found.failed_at) == (State.WAITING, 0, None)
    assert deliveries.replay(lines, B, [number]) == 0  # another's


def test_what_waits_is_tried_at_once(lines: Connection) -> None:
    number = first(lines).id
    deliveries.fail(lines, number, BAD, 9e9)
    assert deliveries.replay(lines, A, [number]) == 1
    assert 1 in due(lines, 2e9)
    assert deliveries.page(lines, A, None, None, 9)[-1].attempts == 1


def test_pages(lines: Connection) -> None:
    found = deliveries.page(lines, A, State.WAITING, None, 2)
    assert [each.change for each in found] == [3, 2]
    found = deliveries.page(lines, A, State.WAITING, found[-1].id, 2)
    assert [each.change for each in found] == [1]


def test_lag(lines: Connection) -> None:
    assert deliveries.lag(lines, 25.0) == 15.0
    assert webhooks.pause(lines, A, "why")
    assert not webhooks.pause(lines, A, "again")
    assert webhooks.pause(lines, B, "why")
    assert deliveries.lag(lines, 25.0) == 0.0


def test_what_ended_is_forgotten_after_a_while(lines: Connection) -> None:
    deliveries.succeed(lines, first(lines).id, GOOD)
    assert deliveries.expire(lines, 50.0, 9) == 0
    assert deliveries.expire(lines, 51.0, 9) == 1
    assert [each.change for each in deliveries.page(lines, A, None, None, 9)] == [3, 2]


def test_a_new_webhook_is_told_of_what_comes(db: Connection) -> None:
    changes.record(db, Change(Kind.TAGGED, Repository("a/b"), "1", new="sha256:a"))
    made = webhooks.add(db, Webhook(A, "https://x.test", "s", "*", frozenset({"tagged"}), "slack"))
    found = webhooks.find(db, A)
    assert found == made
    assert found.cursor == changes.newest(db) == 1
    webhooks.move(db, [A], 7)
    webhooks.move(db, [A], 5)
    found = webhooks.find(db, A)
    assert found is not None
    assert found.cursor == 7


def test_a_project_takes_its_webhooks_with_it(db: Connection) -> None:
    for number, pattern in enumerate(("team/*", "team/app", "team", "team*", "*", "teams/*")):
        hook = Webhook(f"{number:08}", "https://x.test", "s", pattern, frozenset(), "slack")
        webhooks.add(db, hook)
    assert webhooks.count(db, "team") == 3
    webhooks.remove_of(db, "team")
    assert webhooks.count(db, "team") == 0
    assert webhooks.ids(db) == ["00000003", "00000004", "00000005"]
