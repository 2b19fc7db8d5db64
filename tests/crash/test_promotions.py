"""A promotion or a rollback that SIGKILL cuts is wholly there, or not at all; one that was answered
is there.
"""

import threading
from contextlib import closing, suppress
from typing import Any

import httpx
from tests.accounts import ADMIN
from tests.content import put_image
from tests.registry import Registry, StartRegistry
from tests.waiting import until

from entrepot.db import engine
from entrepot.db.chain import Chain
from entrepot.db.place import Folder

APP = "team/app"
VERSIONS = [f"1.{number}.0" for number in range(8)]
ROUNDS = 3


class Manager(threading.Thread):
    """Promotes one version after the other, and goes back from each second one."""

    def __init__(self, registry: Registry) -> None:
        super().__init__()
        self.url = registry.url
        self.answered: list[str] = []
        """The digests that `prod` was said to have."""

    def run(self) -> None:
        with (
            suppress(httpx.TransportError),
            httpx.Client(base_url=self.url, auth=ADMIN.pair, timeout=30) as client,
        ):
            self._free_all(client)
            for number in range(10_000):
                self._promote(client, VERSIONS[number % len(VERSIONS)])
                if number % 2:
                    self._go_back(client)

    def _free_all(self, client: httpx.Client) -> None:
        """The last round may have been cut between a rollback and what frees its version."""
        found = client.get("/api/v1/bad-versions", params={"repository": APP})
        for bad in found.raise_for_status().json()["items"]:
            freed = {"repository": APP, "version": bad["digest"]}
            client.delete("/api/v1/bad-versions", params=freed).raise_for_status()

    def _promote(self, client: httpx.Client, version: str) -> None:
        body = {"repository": APP, "version": version, "to": "prod"}
        self._ask(client, "/api/v1/promotions", body)

    def _go_back(self, client: httpx.Client) -> None:
        left = self._ask(
            client, "/api/v1/promotions/rollback", {"repository": APP, "channel": "prod"}
        )["left"]
        freed = {"repository": APP, "version": left["digest"]}
        client.delete("/api/v1/bad-versions", params=freed).raise_for_status()

    def _ask(self, client: httpx.Client, path: str, body: dict[str, str]) -> Any:
        document = client.post(path, json=body).raise_for_status().json()
        if document.get("moved", True):  # else the last round had come to this very version
            self.answered.append(document["here"]["digest"])
        return document


def test_a_promotion_is_all_or_nothing(start_registry: StartRegistry) -> None:
    settings: dict[str, bool | str] = {
        "dangerously_without_accounts": False,
        "admin_password": ADMIN.secret,
    }
    registry = start_registry(access_log=False, **settings)
    with httpx.Client(base_url=registry.url, auth=ADMIN.pair, timeout=30) as client:
        for version in VERSIONS:
            put_image(client, APP, version, version.encode())
        order = {"channels": ["prod"]}
        client.put("/api/v1/channels", params={"scope": APP}, json=order).raise_for_status()
    for _ in range(ROUNDS):
        manager = Manager(registry)
        manager.start()
        until(lambda: len(manager.answered) > 20)  # noqa: B023 - it is of this round
        registry.kill()
        manager.join(60)
        _verify(registry, manager.answered)
        registry.start()
    assert list(Chain(Folder(registry.data).connect_to_read).faults()) == []


def _verify(registry: Registry, answered: list[str]) -> None:
    """Tag, stay, log and audit tell of the same moves; the last answer is among the last two."""
    with closing(engine.connect(registry.data)) as db:
        stays = db.execute("select digest, until, ended from stay order by id").fetchall()
        [tag] = db.execute("select digest from tag where name = 'prod'").fetchone()
        told = {
            table: [
                digest
                for (digest,) in db.execute(
                    f"select {column} from {table} where reference = 'prod' and {kind} in "
                    "('promoted', 'rolled back') order by id"
                )
            ]
            for table, column, kind in (("change", "new", "kind"), ("audit", "digest", "action"))
        }
        bad = db.execute("select count(*) from bad_version").fetchone()[0]
        rolled = db.execute("select count(*) from stay where ended = 'rolled back'").fetchone()[0]
        marked = db.execute(
            "select count(*) from audit where action = 'version marked bad'"
        ).fetchone()[0]
        freed = db.execute("select count(*) from audit where action = 'version freed'").fetchone()[
            0
        ]
    digests = [digest for digest, _, _ in stays]
    assert [until is None for _, until, _ in stays] == [False] * (len(stays) - 1) + [True]
    assert digests[-1] == tag
    assert told == {"change": digests, "audit": digests}
    assert (rolled, bad) == (marked, marked - freed)
    assert digests[-len(answered) :] == answered or digests[-len(answered) - 1 : -1] == answered
