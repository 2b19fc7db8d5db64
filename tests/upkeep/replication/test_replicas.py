"""Of several replicas one copies; when it is killed, another goes on."""

from contextlib import closing
from pathlib import Path

import httpx
from tests.content import put_image
from tests.registry import serving
from tests.upkeep.replication.conftest import held
from tests.waiting import until

from entrepot.db import jobs, place, replications
from entrepot.db.replications import Direction, Replication

APP = "team/app"


def test_another_goes_on(tmp_path: Path, database_url: str, peer: str) -> None:
    settings = {
        "outbound_allow": "127.0.0.0/8",
        "upkeep_pause": "0.2",
        "database_url": database_url,
    }
    with (
        serving(tmp_path / "one", **settings) as one,
        serving(tmp_path / "two", **settings) as two,
        closing(place.find(tmp_path, database_url).connect()) as db,
        httpx.Client(base_url=one.url) as client,
    ):
        one.may_fail = two.may_fail = True
        with db.exclusive():
            replications.add(db, Replication("far", Direction.PUSH, peer, "team/*"))
            jobs.ask(db, "replication")
        first = put_image(client, APP, "1.0", b"a")
        until(lambda: held(peer, APP, "1.0") == first)
        holder = next(each.holder for each in jobs.every(db) if each.name == "replication")
        gone, left = (one, two) if str(one.pid) in holder.split() else (two, one)
        gone.kill()
        with httpx.Client(base_url=left.url) as other:
            second = put_image(other, APP, "2.0", b"b")
        until(lambda: held(peer, APP, "2.0") == second)
        gone.start()
