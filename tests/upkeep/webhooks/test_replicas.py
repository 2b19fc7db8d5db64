"""Of several replicas one sends; when it ends another goes on, and nothing is lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from tests.db.test_postgres import replica
from tests.upkeep.running import running
from tests.upkeep.webhooks.receiver import receiving
from tests.upkeep.webhooks.test_sender import LOOPBACK, QUICK, SECRET
from tests.waiting import auntil

from entrepot.auth.oidc.outbound import WEBHOOKS, Outbound
from entrepot.db import changes, deliveries, webhooks
from entrepot.db.changes import Change, Kind
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.deliveries import State
from entrepot.db.news import News
from entrepot.db.webhooks import Webhook
from entrepot.observe.metrics import Metrics
from entrepot.oci.names import Repository
from entrepot.upkeep.webhooks.sender import Outlet, Sender

ID = "0badc0de"


def change(db: Connection, repository: str) -> int:
    changes.record(db, Change(Kind.TAGGED, Repository(repository), "1", new="sha256:a"))
    return changes.newest(db)


@asynccontextmanager
async def sending(database: Database) -> AsyncIterator[None]:
    outlet = Outlet(Outbound(LOOPBACK, rules=WEBHOOKS), pace=QUICK)
    sender = Sender(database, News(database.log), Metrics(), outlet)
    async with running(database, sender.job(0.05)):
        yield


async def test_one_sends_and_another_goes_on(database_url: str) -> None:
    names = [f"team/app{number}" for number in range(5)]
    wanted: dict[str, list[int]] = {name: [] for name in names}

    async def push(*databases: Database) -> None:
        for database in databases * 2:
            for name in names:
                number = await database.write(partial(change, repository=name))
                wanted[name].append(number)

    with receiving() as receiver:
        async with replica(database_url) as one, replica(database_url) as two:
            made = Webhook(ID, receiver.url, SECRET, "team/*", frozenset(), "cloudevents")
            await one.write(partial(webhooks.add, made=made))
            async with sending(two):
                async with sending(one):
                    await push(one, two)
                    await auntil(lambda: len(set(receiver.ids())) == 20)
                    assert len(receiver.got) == 20
                await push(two)
                await auntil(lambda: len(set(receiver.ids())) == 30)
            assert len(receiver.got) == 30
            found = await two.read(partial(deliveries.counts, webhook=ID))
            assert found == {State.WAITING: 0, State.DELIVERED: 30, State.DEAD: 0}
    for name in names:
        assert receiver.ids(name) == wanted[name]
