"""Entries of the audit: what is asked for is found, by pages, and nothing else."""

from itertools import chain

import pytest
from tests.db.audited import AT, event, fill

from entrepot.db import audit, entries
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.entries import Entry, Wanted

TEAM = (("team", "team"), ("team/", "team/\U0010ffff"))


@pytest.fixture
def filled(db: Connection) -> Connection:
    ann, bob = By("user:ann", address="10.0.0.1"), By("user:bob", address="10.0.0.2")
    audit.append(
        db,
        event(1, by=ann, action="login", repository=""),
        event(2, by=ann, action="pull"),
        event(3, by=bob, action="pull", repository="team/a_p"),
        event(4, by=bob, action="push", repository="team", result="denied"),
        event(5, by=ann, action="push", repository="teams/app"),
        event(6, by=ann, action="pull", repository="other/app"),
    )
    return db


WANTED: dict[str, tuple[Wanted, list[int]]] = {
    "all": (Wanted(), [6, 5, 4, 3, 2, 1]),
    "since": (Wanted(since=AT + 4), [6, 5, 4]),
    "until": (Wanted(until=AT + 3), [2, 1]),
    "since and until": (Wanted(since=AT + 2, until=AT + 4), [3, 2]),
    "actor": (Wanted(actor="user:bob"), [4, 3]),
    "actor and since": (Wanted(actor="user:ann", since=AT + 2.5), [6, 5]),
    "repository": (Wanted(repository="team/app"), [2]),
    "repository and another's actor": (Wanted(repository="team/app", actor="user:bob"), []),
    "repository and actor": (Wanted(repository="team/a_p", actor="user:bob"), [3]),
    "project": (Wanted(ranges=TEAM), [4, 3, 2]),
    "project and actor": (Wanted(ranges=TEAM, actor="user:ann"), [2]),
    "project and repository outside": (Wanted(ranges=TEAM, repository="other/app"), []),
    "action": (Wanted(action="pull"), [6, 3, 2]),
    "result": (Wanted(result="denied"), [4]),
    "address": (Wanted(address="10.0.0.2"), [4, 3]),
    "all at once": (
        Wanted(AT, AT + 9, "user:bob", "team", TEAM, "push", "denied", "10.0.0.2"),
        [4],
    ),
    "nobody": (Wanted(actor="user:%"), []),
    "no wildcard _": (Wanted(repository="team/_pp"), []),
    "no wildcard %": (Wanted(repository="team/%"), []),
    "no wildcard *": (Wanted(actor="user:*"), []),
    "no quote": (Wanted(actor="' or 1=1 --"), []),
}


@pytest.mark.parametrize(("wanted", "ids"), WANTED.values(), ids=WANTED)
def test_found(filled: Connection, wanted: Wanted, ids: list[int]) -> None:
    assert [entry.id for page in entries.every(filled, wanted) for entry in page] == ids


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7])
@pytest.mark.parametrize("wanted", [Wanted(), Wanted(action="pull"), Wanted(ranges=TEAM)], ids=str)
def test_pages_drop_nothing(filled: Connection, wanted: Wanted, size: int) -> None:
    pages = list(entries.every(filled, wanted, size))
    assert all(len(page) <= size for page in pages)
    assert list(chain.from_iterable(pages)) == entries.page(filled, wanted, None, 100).entries


def test_rows_of_the_same_moment_are_each_shown_once(db: Connection) -> None:
    audit.append(db, *(event(1, at=AT) for _ in range(5)))
    pages = list(entries.every(db, Wanted(), 2))
    assert [[entry.id for entry in page] for page in pages] == [[5, 4], [3, 2], [1]]


def test_a_page_looks_at_so_many_rows_and_says_where_to_go_on(db: Connection) -> None:
    with db.exclusive():
        fill(db, 50_000)
        audit.append(db, event(0, action="rare"))
    found = entries.page(db, Wanted(action="rare"), None, 10)
    assert (found.entries, found.next) == ([], 50_000 - entries.LONGEST + 1)
    pages = list(entries.every(db, Wanted(action="rare")))
    assert [len(page) for page in pages] == [0, 0, 1]


def test_what_comes_meanwhile_is_left_out(filled: Connection) -> None:
    pages = entries.every(filled, Wanted(), 4)
    first = next(pages)
    audit.append(filled, event(7))
    assert [entry.id for page in [first, *pages] for entry in page] == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("after", [0, -1, 99, 2**62])
def test_behind_a_row_that_is_not_there_there_is_nothing(filled: Connection, after: int) -> None:
    assert entries.page(filled, Wanted(), after, 10) == entries.Page([], None)


def test_an_entry_has_every_word(db: Connection) -> None:
    audit.append(db, event(1))
    [[found]] = entries.every(db, Wanted())
    assert found == Entry(
        1,
        AT + 1,
        "user:u1",
        "password",
        "10.0.0.1",
        "docker/29",
        "r1",
        "push",
        "team/app",
        "v1",
        f"sha256:{1:064x}",
        "ok",
        {"old": "x", "pod": 1},
        1,
        audit.head(db)[1],
    )
    assert found.link == audit.head(db)


def test_following_goes_in_the_order_of_the_chain(filled: Connection) -> None:
    assert [entry.id for entry in entries.following(filled, 2, 3)] == [3, 4, 5]
    assert entries.following(filled, 6, 3) == []
