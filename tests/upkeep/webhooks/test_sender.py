"""Webhooks are told of every change at least once, in order, whatever their receivers do."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest
from tests.upkeep.running import running
from tests.upkeep.webhooks.receiver import Answer, Got, Receiver, receiving
from tests.waiting import auntil

from entrepot.addresses import network
from entrepot.auth.oidc.outbound import WEBHOOKS, Outbound
from entrepot.db import changes, deliveries, jobs, webhooks
from entrepot.db.audit import NOBODY, Event
from entrepot.db.changes import Change, Kind, record_access
from entrepot.db.connection import Connection
from entrepot.db.deliveries import Delivery, State
from entrepot.db.news import News
from entrepot.db.sqlite import SQLiteDatabase
from entrepot.db.webhooks import Webhook
from entrepot.observe import exposition
from entrepot.observe.metrics import Metrics
from entrepot.oci.names import Repository
from entrepot.upkeep.webhooks.pace import DAY, Pace
from entrepot.upkeep.webhooks.sender import JOB, Outlet, Sender
from entrepot.upkeep.webhooks.turns import MOST

LOOPBACK = (network("127.0.0.1"),)
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
QUICK = Pace(first=0.01)


@dataclass
class Post:
    """A database, and whoever is told of what happens in it."""

    database: SQLiteDatabase
    clock: float = 0.0
    """Seconds that the sender's clock is ahead."""
    pace: Pace = QUICK
    allow: tuple[object, ...] = LOOPBACK
    metrics: Metrics = field(default_factory=Metrics)

    async def hook(self, url: str, pattern: str = "*", *kinds: str) -> Webhook:
        new = Webhook(webhooks.new_id(), url, SECRET, pattern, frozenset(kinds), "cloudevents")
        return await self.database.write(lambda db: webhooks.add(db, new))

    async def change(self, repository: str = "team/app", tag: str = "1") -> int:
        change = Change(Kind.TAGGED, Repository(repository), tag, new="sha256:a")

        def write(db: Connection) -> int:
            changes.record(db, change)
            return changes.newest(db)

        return await self.database.write(write)

    async def wake(self) -> None:
        """Have the sender look at its clock."""
        event = Event("test", NOBODY, reference="test")
        await self.database.write(partial(record_access, event=event))

    async def replay(self, hook: Webhook, numbers: list[int] | None) -> int:
        write = partial(deliveries.replay, webhook=hook.id, numbers=numbers)
        replayed = await self.database.write(write)
        await self.wake()
        return replayed

    async def resume(self, hook: Webhook) -> None:
        def write(db: Connection) -> None:
            found = webhooks.find(db, hook.id)
            assert found is not None
            assert found.paused
            webhooks.put(db, replace(found, paused=False))
            jobs.ask(db, JOB)

        await self.database.write(write)

    def sending(self) -> AbstractAsyncContextManager[Metrics]:
        outbound = Outbound(self.allow, rules=WEBHOOKS)  # type: ignore[arg-type]
        outlet = Outlet(outbound, "https://registry.test", self.pace)
        now = lambda: time.time() + self.clock  # noqa: E731
        sender = Sender(self.database, News(self.database.log), self.metrics, outlet, now)
        return running(self.database, sender.job(0.05))

    def all(self, hook: Webhook, state: State | None = None) -> list[Delivery]:
        """The oldest first."""
        return deliveries.page(self.database.reader, hook.id, state, None, 1000)[::-1]

    def tried(self, hook: Webhook, times: int) -> bool:
        """Whether the first delivery was tried so many times."""
        return any(each.attempts >= times for each in self.all(hook)[:1])

    def states(self, hook: Webhook) -> list[State]:
        return [each.state for each in self.all(hook)]


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    database = SQLiteDatabase(tmp_path / "data")
    yield Post(database)
    await database.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


async def test_all_that_it_wants_comes_once_and_in_order(post: Post, receiver: Receiver) -> None:
    before = await post.change()
    hook = await post.hook(receiver.url, "team/*")
    wanted = [await post.change(tag=str(number)) for number in range(5)]
    await post.change("other/app")
    async with post.sending():
        await auntil(lambda: len(receiver.got) == 5)
        wanted += [await post.change(tag="more")]
        await auntil(lambda: post.states(hook) == [State.DELIVERED] * 6)
    assert receiver.ids() == wanted
    assert before not in wanted
    assert [each.attempts for each in post.all(hook)] == [1] * 6
    assert {each.status for each in post.all(hook)} == {204}


async def test_kinds_that_it_does_not_want_do_not_come(post: Post, receiver: Receiver) -> None:
    hook = await post.hook(receiver.url, "*", "untagged")
    await post.change()
    gone = Change(Kind.UNTAGGED, Repository("team/app"), "1", old="sha256:a")
    await post.database.write(lambda db: changes.record(db, gone))
    async with post.sending():
        await auntil(lambda: State.DELIVERED in post.states(hook))
    assert [each.document["type"] for each in receiver.got] == ["entrepot.tag.deleted"]


async def test_order_in_a_repository_while_others_go_beside(post: Post, receiver: Receiver) -> None:
    """Every third message fails the first time, and the first waits until it is not alone."""
    seen: set[str] = set()
    together = threading.Event()

    def answer(got: Got) -> Answer:
        if receiver.most_at_once > 1:
            together.set()
        together.wait(60)
        time.sleep(0.002)
        number = str(got.document["id"])
        if int(number) % 3 == 0 and number not in seen:
            seen.add(number)
            return 500
        return 200

    receiver.answer = answer
    hook = await post.hook(receiver.url)
    names = [f"team/app{number}" for number in range(10)]
    wanted = {name: [await post.change(name, str(tag)) for tag in range(6)] for name in names}
    async with post.sending():
        await auntil(lambda: post.states(hook) == [State.DELIVERED] * 60)
    for name, numbers in wanted.items():
        came = receiver.ids(name)
        assert list(dict.fromkeys(came)) == numbers
        assert came == sorted(came)
    assert 1 < receiver.most_at_once <= 8


async def test_one_repository_that_fails_holds_up_no_other(post: Post) -> None:
    def answer(got: Got) -> Answer:
        return 500 if got.document["data"]["repository"] == "team/bad" else 200

    with receiving(answer) as receiver:
        hook = await post.hook(receiver.url)
        for tag in "12":
            await post.change("team/bad", tag)
        async with post.sending():
            await auntil(lambda: len(receiver.got) > 1)
            good = [await post.change("team/good", tag) for tag in "123"]
            await auntil(lambda: len(post.all(hook, State.DELIVERED)) == 3)
        assert receiver.ids("good") == good
        first, second = post.all(hook, State.WAITING)
        assert (first.status, second.attempts) == (500, 0)


async def test_a_clock_that_was_years_ahead_holds_up_nothing(
    post: Post, receiver: Receiver
) -> None:
    receiver.answer = lambda _: 500
    hook = await post.hook(receiver.url)
    await post.change()
    post.clock = 365 * DAY
    async with post.sending():
        await auntil(lambda: post.tried(hook, 1))
    receiver.answer, post.clock = lambda _: 200, 0.0
    async with post.sending():
        await auntil(lambda: post.states(hook) == [State.DELIVERED])


async def test_all_are_told_however_many_there_are(post: Post, receiver: Receiver) -> None:
    """More than may be sent to at once; most have nothing to be told."""
    for number in range(90):
        await post.hook(receiver.url, f"quiet/app{number}")
    hooks = [await post.hook(receiver.url, f"team/app{number}") for number in range(90)]
    wanted = [await post.change(f"team/app{number}") for number in range(90)]
    async with post.sending():
        await auntil(lambda: all(post.states(hook) == [State.DELIVERED] for hook in hooks))
    assert sorted(receiver.ids()) == wanted
    assert receiver.most_at_once <= MOST


async def test_what_cannot_be_written_is_tried_later(
    post: Post, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """A format of a later version: it holds up nobody, and is not tried over and over."""
    post.pace = Pace(first=1000)
    odd = await post.hook(receiver.url)
    await post.database.write(
        lambda db: db.execute("update webhook set format = 'telegraph' where id = ?", (odd.id,))
    )
    hook = await post.hook(receiver.url)
    await post.change()
    async with post.sending():
        await auntil(lambda: post.states(hook) == [State.DELIVERED])
        await auntil(partial(post.tried, odd, 1))
        await post.wake()
        await asyncio.sleep(0.1)
    assert [each.message for each in caplog.records] == [f"nothing can be sent to webhook {odd.id}"]
    (waits,) = post.all(odd)
    assert (waits.attempts, waits.error) == (1, "it cannot be sent: KeyError")


async def test_a_dead_receiver_holds_up_no_other(post: Post, receiver: Receiver) -> None:
    """One takes connections and says nothing, for more repositories than are sent at once."""
    silent, ended = threading.Event(), threading.Event()

    def answer(_: Got) -> Answer:
        silent.set()
        ended.wait(20)
        return None

    with receiving(answer) as dead:
        for _ in range(3):
            await post.hook(dead.url)
        hook = await post.hook(receiver.url)
        wanted = [await post.change(f"team/app{number}") for number in range(80)]
        async with post.sending():
            await auntil(lambda: len(post.all(hook, State.DELIVERED)) == 80)
            ended.set()
    assert silent.is_set()
    assert sorted(receiver.ids()) == wanted


async def test_it_is_tried_later_and_later_and_then_it_is_dead(post: Post) -> None:
    with receiving(503) as receiver:
        post.pace = Pace(first=1000, patience=3 * DAY)
        hook = await post.hook(receiver.url)
        await post.change()
        async with post.sending():
            for attempt in range(1, 4):
                await auntil(partial(post.tried, hook, attempt))
                (line,) = post.database.reader.execute("select next_at from webhook_line")
                wait = line[0] - time.time() - post.clock
                assert 450 < wait / 2 ** (attempt - 1) < 1050
                post.clock += wait + 1
                await post.wake()
            await auntil(partial(post.tried, hook, 4))
            post.clock += 3 * DAY
            await post.wake()
            await auntil(lambda: post.states(hook) == [State.DEAD])
    (dead,) = post.all(hook)
    assert (dead.status, dead.error, dead.attempts) == (503, "it answered 503", 5)
    assert post.database.reader.execute("select * from webhook_line").fetchall() == []


async def test_what_is_dead_lets_the_next_go_and_is_sent_again_when_said(
    post: Post, receiver: Receiver
) -> None:
    receiver.answer = lambda got: 500 if got.document["data"]["tag"] == "bad" else 200
    post.pace = Pace(first=0.01, patience=0)
    hook = await post.hook(receiver.url)
    bad, good = await post.change(tag="bad"), await post.change(tag="good")
    async with post.sending():
        await auntil(lambda: post.states(hook) == [State.DEAD, State.DELIVERED])
        receiver.answer = lambda _: 200
        receiver.got.clear()
        assert await post.replay(hook, None) == 1
        await auntil(lambda: post.states(hook) == [State.DELIVERED] * 2)
        assert receiver.ids() == [bad]
        number = post.all(hook)[1].id
        assert await post.replay(hook, [number]) == 1
        await auntil(lambda: receiver.ids() == [bad, good])


FAILS: dict[str, tuple[Answer, str]] = {
    "400": (400, "it answered 400"),
    "500": (500, "it answered 500"),
    "redirect": (
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
        "it answered 302: redirects are not followed",
    ),
    "closes at once": (None, "127.0.0.1 broke off"),
    "closes in the head": (b"HTTP/1.1 200 OK\r\nContent-", "127.0.0.1 broke off"),
    "speaks no HTTP": (b"220 smtp.example.com ESMTP\r\n", "127.0.0.1 broke off"),
    "an endless head": (
        b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 1_000_000,
        "127.0.0.1 broke off",
    ),
}


@pytest.mark.parametrize(("answer", "why"), FAILS.values(), ids=FAILS)
async def test_what_is_no_success(post: Post, answer: Answer, why: str) -> None:
    with receiving(lambda _: answer) as receiver:
        post.pace = Pace(first=1000)
        hook = await post.hook(receiver.url)
        await post.change()
        async with post.sending():
            await auntil(partial(post.tried, hook, 1))
        (found,) = post.all(hook)
        assert found.state is State.WAITING
        assert found.error.startswith(why)


async def test_a_success_is_one_whatever_follows(post: Post) -> None:
    """The body of an answer is not waited for, however long it is, or where it breaks off."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\nx"
    with receiving(lambda _: head) as receiver:
        hook = await post.hook(receiver.url)
        await post.change()
        async with post.sending():
            await auntil(lambda: post.states(hook) == [State.DELIVERED])


async def test_who_says_that_it_is_gone_is_asked_no_more(post: Post) -> None:
    with receiving(410) as receiver:
        hook = await post.hook(receiver.url)
        for tag in "12":
            await post.change(tag=tag)
        async with post.sending():
            await auntil(
                lambda: (
                    post.database.reader.execute("select paused from webhook").fetchone() == (1,)
                )
            )
            await asyncio.sleep(0.1)
            assert len(receiver.got) == 1
            receiver.answer = lambda _: 200

            found = webhooks.find(post.database.reader, hook.id)
            assert found is not None
            assert "410" in found.why_paused
            await post.resume(hook)
            await auntil(lambda: post.states(hook) == [State.DELIVERED] * 2)


async def test_while_it_is_paused_nothing_is_lost(post: Post, receiver: Receiver) -> None:
    hook = await post.hook(receiver.url)
    await post.database.write(lambda db: webhooks.pause(db, hook.id, ""))
    async with post.sending():
        wanted = [await post.change(tag=tag) for tag in "123"]
        await asyncio.sleep(0.2)
        assert receiver.got == []
        await post.resume(hook)
        await auntil(lambda: post.states(hook) == [State.DELIVERED] * 3)
    assert receiver.ids() == wanted


async def test_what_ended_long_ago_is_forgotten(post: Post, receiver: Receiver) -> None:
    hook = await post.hook(receiver.url)
    await post.change()
    async with post.sending():
        await auntil(lambda: post.states(hook) == [State.DELIVERED])
    post.clock = post.pace.kept + 60
    async with post.sending():
        await auntil(lambda: post.states(hook) == [])


async def test_a_database_that_cannot_be_written_to_makes_no_flood(
    post: Post, receiver: Receiver
) -> None:
    """What was sent, and cannot be written down, is not sent again meanwhile."""
    hook = await post.hook(receiver.url)
    await post.change()

    def forbid(db: Connection) -> None:
        db.execute(
            "create trigger no before update on webhook_delivery "
            "begin select raise(abort, 'not now'); end"
        )

    def allow(db: Connection) -> None:
        db.execute("drop trigger no")

    await post.database.write(forbid)
    async with post.sending():
        await auntil(lambda: len(receiver.got) == 1)
        await asyncio.sleep(0.2)
        await post.database.write(allow)
        await auntil(lambda: post.states(hook) == [State.DELIVERED])
    assert len(receiver.got) == 1


async def test_metrics(post: Post, receiver: Receiver) -> None:
    hook = await post.hook(receiver.url)
    receiver.answer = lambda got: 500 if len(receiver.got) == 1 else 200
    await post.change()
    async with post.sending():
        await auntil(lambda: post.states(hook) == [State.DELIVERED])
    text = exposition.text(post.metrics).decode()
    assert 'entrepot_webhook_attempts_total{result="failed"} 1.0' in text
    assert 'entrepot_webhook_attempts_total{result="delivered"} 1.0' in text
