"""Keys are changed and old data is encrypted while clients pull, however often that is killed."""

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from tests.content import begin, digest, put_blob, put_image
from tests.crash.test_sigkill import KEY, damage
from tests.db import pushed
from tests.registry import Registry, StartRegistry
from tests.upkeep.conftest import keep
from tests.waiting import until

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.db import blobs, engine, keyed
from entrepot.db.blobs import Blob
from entrepot.encryption.keys import Keyring, MasterKey

APP = "team/app"
PLANTED = b"Planted-and-not-to-be-found"
OLD = MasterKey.new()
BLOBS = 60
ROWS = 100
MOST_KILLS = 200


class Puller(threading.Thread):
    """Pulls one thing after another; what it gets is whole, or the registry has died."""

    def __init__(self, registry: Registry, wanted: dict[str, bytes], seed: int) -> None:
        super().__init__(daemon=True)
        self.error: BaseException | None = None
        self.pulled = 0
        self._registry = registry
        self._wanted = wanted
        self._random = random.Random(seed)
        self._stopping = False

    def run(self) -> None:
        try:
            while not self._stopping:
                self._pull()
        except BaseException as error:  # noqa: BLE001 - it is raised again by `stop`
            self.error = error

    def _pull(self) -> None:
        path, content = self._random.choice(list(self._wanted.items()))
        try:
            answer = httpx.get(f"{self._registry.url}{path}", timeout=10)
        except httpx.TransportError:  # it was killed, and comes back
            time.sleep(0.05)
            return
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        assert answer.content == content, f"other bytes in {path}"
        self.pulled += 1

    def stop(self) -> None:
        self._stopping = True
        self.join(60)
        if self.error is not None:
            raise self.error


@contextmanager
def pulling(registry: Registry, wanted: dict[str, bytes]) -> Iterator[None]:
    pullers = [Puller(registry, wanted, seed) for seed in range(2)]
    for puller in pullers:
        puller.start()
    try:
        yield
    finally:
        for puller in pullers:
            puller.stop()
    assert all(puller.pulled for puller in pullers)


def fill(registry: Registry) -> dict[str, bytes]:
    """Blobs of many sizes, in one piece and in several; and what to ask for them."""
    chance, wanted = random.Random(7), dict[str, bytes]()
    with httpx.Client(base_url=registry.url, timeout=30) as client:
        for number in range(BLOBS):
            content = PLANTED + chance.randbytes(chance.choice([20_000, 300_000, 3_000_000]))
            if number % 3:
                put_blob(client, APP, content)
            else:
                push_in_two(client, content, chance.randrange(1, len(content)))
            wanted[f"/v2/{APP}/blobs/{digest(content)}"] = content
    return wanted


def push_in_two(client: httpx.Client, content: bytes, middle: int) -> None:
    location = begin(client, APP)
    client.patch(location, content=content[:middle]).raise_for_status()
    answer = client.put(location, params={"digest": digest(content)}, content=content[middle:])
    assert answer.status_code == 201, answer.text


def fill_rows(registry: Registry) -> dict[str, bytes]:
    """Manifests and small blobs."""
    wanted = dict[str, bytes]()
    with httpx.Client(base_url=registry.url, timeout=30) as client:
        for number in range(ROWS):
            layer = PLANTED + b"%d" % number
            put_image(client, APP, f"{number}", layer, annotations={"note": layer.decode()})
            wanted[f"/v2/{APP}/blobs/{digest(layer)}"] = layer
            path = f"/v2/{APP}/manifests/{number}"
            wanted[path] = client.get(path).content
    return wanted


def fill_more(data: Path) -> None:
    """So many that nobody has them sealed anew before he is killed."""
    with closing(engine.connect(data, Keyring((OLD,)))) as db, db.exclusive():
        for number in range(3000):
            pushed.blob(db, PLANTED + b"more %d " % number + os.urandom(9))


def fill_more_objects(data: Path) -> None:
    """More blobs that lie plain."""
    store = DiskStore(folder_of(data))
    with closing(engine.connect(data)) as db, db.exclusive():
        for _ in range(BLOBS):
            content = PLANTED + os.urandom(300_000)
            name, found = keep(store, content)
            pushed.settled(db, name, name, len(content))
            blobs.add(db, pushed.APP, found, Blob(len(content), None, name), renew=False)


_COUNTED = {"piece": "number is not null", "manifest": "1 = 1", "blob": "content is not null"}


def left(data: Path, *current: str) -> int:
    """Rows and objects that are not under one of these keys."""
    with closing(sqlite3.connect(data / engine.FILE)) as db:
        tables = {
            table.name: "number is not null" for table in keyed.TABLES if table.name == "piece"
        }
        tables |= {"manifest": "1 = 1", "blob": "content is not null"}
        marks = ", ".join("?" * len(current))
        counts = (
            f"select count(*) from {table} where {where} and (key is null or key not in ({marks}))"
            for table, where in _COUNTED.items()
        )
        return sum(db.execute(count, current).fetchone()[0] for count in counts)


def ask(data: Path, job: str) -> None:
    """As the API has it asked for."""

    def asked() -> bool:
        with closing(sqlite3.connect(data / engine.FILE, timeout=60)) as db, db:
            return db.execute("update job set asked = 1 where name = ?", (job,)).rowcount == 1

    until(asked)


def kill_until_done(registry: Registry, job: str, more: Callable[[Path], None]) -> None:
    """Kill it at any moment of the work, and start it again until all is done; where that was so
    before any kill, there is `more` to do.
    """
    chance, was_cut = random.Random(), False
    ask(registry.data, job)
    for kills in range(MOST_KILLS):
        # Each time a little later: a slow machine comes to an end, too.
        time.sleep(chance.uniform(0.0, 0.2 + kills * 0.05))
        registry.kill()
        rest = left(registry.data, KEY.id)
        if not (rest or was_cut):
            more(registry.data)
            ask(registry.data, job)
        registry.start()
        if was_cut and not rest:
            return
        was_cut = was_cut or rest > 0
    raise AssertionError("it does not come to an end")


@pytest.mark.timeout(600)
def test_old_blobs_are_encrypted(start_registry: StartRegistry) -> None:
    registry = start_registry(upkeep_pause="0.2", access_log=False)
    wanted = fill(registry)
    registry.stop()
    registry.settings["ENTREPOT_ENCRYPTION_KEY"] = KEY.line
    registry.settings["ENTREPOT_UPLOAD_EXPIRY"] = "10"  # of pieces that killed ones leave, too
    registry.start()
    with pulling(registry, wanted):
        kill_until_done(registry, "encrypt-old", fill_more_objects)
    with httpx.Client(base_url=registry.url, timeout=30) as client:
        for path, content in wanted.items():
            assert client.get(path).content == content
    store = DiskStore(folder_of(registry.data))
    until(lambda: len(list(store.objects())) == pieces(registry.data))  # the others are collected
    registry.stop()
    assert damage(registry.data, read=True) == []
    for file in registry.data.rglob("*"):
        assert not file.is_file() or PLANTED not in file.read_bytes(), file
    registry.start()


def pieces(data: Path) -> int:
    with closing(sqlite3.connect(data / engine.FILE)) as db:
        found: int = db.execute("select count(*) from piece").fetchone()[0]
        return found


@pytest.mark.timeout(600)
def test_a_key_is_changed(start_registry: StartRegistry) -> None:
    registry = start_registry(encryption_key=OLD.line, access_log=False)
    wanted = fill_rows(registry)
    registry.stop()
    fill_more(registry.data)
    registry.settings["ENTREPOT_ENCRYPTION_KEY"] = f"{KEY.line},{OLD.line}"
    registry.start()
    with pulling(registry, wanted):
        kill_until_done(registry, "rekey", fill_more)
        until(lambda: used(registry.data, OLD) == {KEY.id})
    registry.stop()
    registry.settings["ENTREPOT_ENCRYPTION_KEY"] = KEY.line
    registry.start()
    with httpx.Client(base_url=registry.url, timeout=30) as client:
        for path, content in wanted.items():
            assert client.get(path).content == content
    assert damage(registry.data, read=True) == []


def used(data: Path, *more: MasterKey) -> set[str]:
    with closing(engine.connect_to_read(data, Keyring((KEY, *more)))) as db:
        return set(keyed.used(db))
