"""What broke off for good goes on with the next who asks, where the store can be read meanwhile."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
import pytest
from tests.content import digest
from tests.served import Served
from tests.upstream.cache.conftest import Caching
from tests.upstream.cache.shop import LAYER, Shop, opened
from tests.upstream.cache.test_fetching import APP, blob, manifest
from tests.upstream.scripted import Say, Scripted

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.db import engine, fetches
from entrepot.db.connection import Connection

CUT_OFF = (httpx.RemoteProtocolError, httpx.ReadError)


@contextmanager
def broken_off(caching: Caching) -> Iterator[tuple[Served, Scripted, Shop]]:
    """A cache that has the first part of a layer."""
    with opened() as (shop, server):
        shop.cut = shop.halt = 900_000
        shop.gate = gate = threading.Event()
        served = caching(server.address)
        manifest(served.client)
        path = f"/v2/{APP}/blobs/{digest(LAYER)}"
        with served.client.stream("GET", path) as answer:
            parts = answer.iter_bytes()
            next(parts)
            shop.says = Say(403)
            gate.set()
            with pytest.raises(CUT_OFF):
                b"".join(parts)
        shop.says, shop.cut, shop.gate = None, 0, None
        yield served, server, shop


def left(db: Connection) -> list[str]:
    return [piece for (piece,) in db.execute("select piece from fetching").fetchall()]


def test_it_goes_on_where_it_was(caching: Caching) -> None:
    with broken_off(caching) as (served, server, _):
        assert blob(served.client, LAYER).content == LAYER
        came = [x for x in server.asked if x.path.endswith(digest(LAYER))]
        assert came[0].headers.get("range") is None
        start = int(came[-1].headers["range"][6:-1])
        assert start
        assert start % 900_000 == 0
        with closing(engine.connect(served.folder)) as db:
            deadline = time.monotonic() + 60
            while left(db) and time.monotonic() < deadline:
                time.sleep(0.02)  # the last byte goes out before all of it is on the disk
            assert left(db) == []


def test_who_sends_no_parts_is_asked_for_all(caching: Caching) -> None:
    """Else nobody would ever get it, as long as somebody asks now and then."""
    with broken_off(caching) as (served, server, shop):
        shop.parts = 416
        assert blob(served.client, LAYER).content == LAYER
        came = [x.headers.get("range") for x in server.asked if x.path.endswith(digest(LAYER))]
        assert came[-2] is not None
        assert came[-1] is None


def test_what_is_damaged_is_not_kept(caching: Caching) -> None:
    with broken_off(caching) as (served, _, shop):
        with closing(engine.connect(served.folder)) as db:
            (piece,) = left(db)
        with DiskStore(folder_of(served.folder)).path(piece).open("r+b") as file:
            file.write(b"else")
        with pytest.raises(CUT_OFF):
            blob(served.client, LAYER)
        assert blob(served.client, LAYER).content == LAYER
        assert shop.says is None


def test_another_repository_gets_nothing_of_it(caching: Caching) -> None:
    """What one may read of the upstream is not shown to who may read another one."""
    with broken_off(caching) as (served, server, _):
        manifest(served.client, name="hub/team/other")
        assert blob(served.client, LAYER, "hub/team/other").content == LAYER
        came = [x for x in server.asked if x.path == f"/v2/team/other/blobs/{digest(LAYER)}"]
        assert [x.headers.get("range") for x in came] == [None]


def test_what_nobody_goes_on_with_is_given_up(caching: Caching) -> None:
    with broken_off(caching) as (served, _, _), closing(engine.connect(served.folder)) as db:
        (piece,) = left(db)
        with db.exclusive():  # before anybody takes the garbage away
            fetches.expire(db, -10)
            assert left(db) == []
            garbage = db.execute("select object from garbage").fetchall()
            open_ = db.execute("select count(*) from piece").fetchall()
        assert (garbage, open_) == ([(piece,)], [(0,)])
