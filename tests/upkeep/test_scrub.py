"""The scrub: each kind of damage is found, served no more and healed by a push; nothing else is."""

import base64
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.content import EMPTY, digest, dump, image, put_blob, put_image
from tests.registry import StartRegistry
from tests.seaweed import Bucket
from tests.served import Served, serving
from tests.waiting import until

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.db import jobs, place, quarantine
from entrepot.db.connection import Connection
from entrepot.db.jobs import Standing
from entrepot.db.place import Place
from entrepot.upkeep.scrub import JOB, Mark, Pace

APP, OTHER = "team/app", "team/other"
KEY = base64.b64encode(bytes(range(32))).decode()
LAYER = random.Random(7).randbytes(300_000)
GOOD = random.Random(8).randbytes(100_000)


@dataclass
class House:
    """A registry, and what lies past it."""

    served: Served
    place: Place
    bucket: Bucket | None

    @property
    def client(self) -> httpx.Client:
        return self.served.client

    def ask(self, query: Callable[[Connection], Any]) -> Any:
        db = self.place.connect()
        try:
            return query(db)
        finally:
            db.close()

    def object(self, content: bytes) -> str:
        query = "select p.name from piece p join blob b on b.object = p.object where b.digest = ?"
        name: str = self.ask(lambda db: db.execute(query, (digest(content),)).fetchone()[0])
        return name

    def spoil(self, content: bytes, change: Callable[[bytes], bytes | None]) -> None:
        """Change an object in the store itself."""
        name = self.object(content)
        if self.bucket is None:
            file = DiskStore(folder_of(self.served.folder)).path(name)
            put(file, change(file.read_bytes()))
            return
        stored = self.bucket.keys()
        [key] = [each for each in stored if each.endswith(name)]
        client, where = self.bucket.s3, {"Bucket": self.bucket.name, "Key": key}
        changed = change(client.get_object(**where)["Body"].read())
        if changed is None:
            client.delete_object(**where)
        else:
            client.put_object(**where, Body=changed)

    def scrub(self) -> Any:
        """A pass from its beginning to its end; how it stands then."""
        until(lambda: self.ask(lambda db: jobs.find(db, JOB)))  # upkeep comes after first answers
        before = self.ask(standing).ended_at
        self.ask(lambda db: jobs.ask(db, JOB))
        for _ in range(6000):
            found = self.ask(standing)
            if found.ended_at != before and not found.asked and found.holder == "":
                return found
            time.sleep(0.01)
        raise AssertionError(found)

    def pull(self, content: bytes, repository: str = APP, method: str = "GET") -> httpx.Response:
        return self.client.request(method, f"/v2/{repository}/blobs/{digest(content)}")


def put(file: Path, content: bytes | None) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)


@pytest.fixture(params=["disk", "objects"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    settings: dict[str, Any] = {"scrub_rate": 1e9, "upkeep_pause": 0.2}
    bucket = None
    if request.param == "objects":
        bucket = request.getfixturevalue("bucket")
        settings |= {**bucket.settings, "database_url": request.getfixturevalue("database_url")}
    with housed(tmp_path / "data", bucket, **settings) as found:
        yield found


@contextmanager
def housed(folder: Path, bucket: Bucket | None, **settings: Any) -> Iterator[House]:
    url = str(settings.get("database_url", ""))
    with serving(folder, "own", **settings) as served:
        house = House(served, place.find(folder, url), bucket)
        put_image(served.client, APP, "1", LAYER, GOOD)
        put_image(served.client, OTHER, "1", LAYER)
        # The first pass comes by itself, and would find what a test spoils.
        until(lambda: (first := house.ask(lambda db: jobs.find(db, JOB))) and first.ended_at)
        yield house


def flip(content: bytes) -> bytes:
    return content[:70_000] + bytes([content[70_000] ^ 1]) + content[70_001:]


SPOILT: dict[str, tuple[Callable[[bytes], bytes | None], str]] = {
    "a bit": (flip, "its bytes do not match the digest"),
    "cut": (lambda content: content[:-1], "299999"),
    "gone": (lambda _: None, "its object is missing"),
}


@pytest.mark.parametrize(("change", "why"), SPOILT.values(), ids=SPOILT)
def test_damage_is_served_no_more_until_it_is_pushed_again(
    house: House, change: Callable[[bytes], bytes | None], why: str
) -> None:
    assert house.scrub().progress.note == "5 compared, 0 damaged"
    damaged = house.object(LAYER)
    house.spoil(LAYER, change)
    found = house.scrub()
    assert found.progress.note.endswith(", 1 damaged"), found
    [item] = house.ask(lambda db: quarantine.listed(db, None, 10))
    assert (item.digest, item.repositories, item.objects) == (
        digest(LAYER),
        [APP, OTHER],
        [damaged],
    )
    assert why in item.why
    assert not item.healed
    for repository in (APP, OTHER):
        assert house.pull(LAYER, repository, "HEAD").status_code == 404
        assert house.pull(LAYER, repository).json()["errors"][0]["code"] == "BLOB_UNKNOWN"
    assert house.pull(GOOD).content == GOOD
    assert house.scrub().progress.note.endswith(", 0 damaged")
    assert house.ask(quarantine.damaged) == 1
    put_blob(house.client, APP, LAYER)
    for repository in (APP, OTHER):
        assert house.pull(LAYER, repository).content == LAYER
    assert house.ask(quarantine.damaged) == 0
    assert house.ask(lambda db: quarantine.listed(db, None, 10))[0].healed


@pytest.fixture(params=["disk", "objects"])
def locked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """A registry that encrypts."""
    settings: dict[str, Any] = {"scrub_rate": 1e9, "upkeep_pause": 0.2, "encryption_key": KEY}
    bucket = request.getfixturevalue("bucket") if request.param == "objects" else None
    with housed(tmp_path / "data", bucket, **settings, **(bucket.settings if bucket else {})) as it:
        yield it


@pytest.mark.parametrize("change", [flip, lambda content: content[:-1]], ids=["a bit", "cut"])
def test_an_encrypted_piece_that_is_spoilt_is_found_and_healed(
    locked: House, change: Callable[[bytes], bytes | None]
) -> None:
    assert locked.scrub().progress.note == "5 compared, 0 damaged"
    damaged = locked.object(LAYER)
    locked.spoil(LAYER, change)
    assert locked.scrub().progress.note == "5 compared, 1 damaged"
    [item] = locked.ask(lambda db: quarantine.listed(db, None, 10))
    assert (item.digest, item.objects, item.healed) == (digest(LAYER), [damaged], False)
    assert locked.pull(LAYER).json()["errors"][0]["code"] == "BLOB_UNKNOWN"
    put_blob(locked.client, APP, LAYER)
    assert locked.object(LAYER) != damaged
    for repository in (APP, OTHER):
        assert locked.pull(LAYER, repository).content == LAYER
    assert locked.ask(quarantine.damaged) == 0
    assert locked.scrub().progress.note == "5 compared, 0 damaged"


def test_a_data_key_that_is_spoilt_is_damage(locked: House) -> None:
    name = locked.object(LAYER)
    change = "update piece set data_key = ? where name = ?"
    locked.ask(lambda db: db.execute(change, (bytes(60), name)))
    assert locked.scrub().progress.note == "5 compared, 1 damaged"
    put_blob(locked.client, APP, LAYER)
    assert locked.pull(LAYER).content == LAYER


def test_small_blobs_and_manifests_are_healed_too(house: House) -> None:
    document = dump(image(LAYER, GOOD))
    where = f"/v2/{APP}/manifests/1"
    for each in (house.pull(EMPTY), house.client.get(where)):
        assert each.status_code == 200
    house.ask(lambda db: db.execute("update blob set content = ? where object is null", (b"[]",)))
    house.ask(
        lambda db: db.execute(
            "update manifest set content = ? where digest = ?", (b"{}", digest(document))
        )
    )
    assert house.scrub().progress.note.endswith(", 2 damaged")
    assert house.pull(EMPTY).status_code == 404
    assert house.client.get(where).json()["errors"][0]["code"] == "MANIFEST_UNKNOWN"
    assert house.client.get(f"/v2/{OTHER}/manifests/1").status_code == 200
    put_image(house.client, APP, "1", LAYER, GOOD)
    assert house.pull(EMPTY, OTHER).content == EMPTY
    assert house.client.get(where).content == document
    assert house.ask(quarantine.damaged) == 0


def test_a_store_that_has_nothing_is_rather_the_wrong_one(house: House) -> None:
    for content in (LAYER, GOOD):
        house.spoil(content, lambda _: None)
    found = house.scrub()
    assert "is this the right store" in found.progress.error
    assert house.ask(lambda db: quarantine.listed(db, None, 10)) == []


def test_what_lies_aside_goes_when_its_time_is_up(house: House) -> None:
    name = house.object(LAYER)
    house.spoil(LAYER, flip)
    house.scrub()
    house.ask(lambda db: db.execute("update quarantine set until = 0"))
    for _ in range(6000):
        if house.served.store.size(Named(name)) is None:
            break
        time.sleep(0.01)
    [item] = house.ask(lambda db: quarantine.listed(db, None, 10))
    assert (item.objects, item.healed) == ([], False)
    put_blob(house.client, APP, LAYER)
    for _ in range(6000):
        if not house.ask(lambda db: quarantine.listed(db, None, 10)):
            return
        time.sleep(0.01)
    raise AssertionError("its row stays")


@dataclass(frozen=True)
class Named:
    name: str
    size: int = 0
    key: str | None = None
    data_key: bytes | None = None


def standing(db: Connection) -> Standing:
    found = jobs.find(db, JOB)
    assert found is not None
    return found


def test_it_goes_on_after_a_kill(start_registry: StartRegistry) -> None:
    registry = start_registry(scrub_rate="20000", scrub_days="0", upkeep_pause="0.2")
    # The small ones are soon compared, the large ones long after the kill.
    contents = [random.Random(n).randbytes(17_000 if n < 3 else 200_000) for n in range(8)]
    with httpx.Client(base_url=registry.url) as client:
        put_image(client, APP, "1", *contents)
    db = place.find(registry.data).connect()
    until(lambda: jobs.ask(db, JOB))
    until(lambda: Mark.parse(standing(db).progress.cursor).items >= 3)
    registry.kill()
    assert "blob" in standing(db).progress.cursor
    registry.settings["ENTREPOT_SCRUB_RATE"] = "1e9"
    registry.start()
    until(lambda: standing(db).succeeded_at is not None)
    done = standing(db).progress
    assert done.note == "10 compared, 0 damaged"
    assert done.done >= sum(map(len, contents))
    db.close()


def test_the_pace_does_not_catch_up_after_a_rest() -> None:
    pace = Pace(1000)
    time.sleep(0.05)
    began = time.monotonic()
    first, second = pace.owed(100), pace.owed(100)
    took = time.monotonic() - began
    assert first == pytest.approx(0.1, abs=0.001)
    assert max(0.1, 0.2 - took) - 0.001 <= second <= 0.201


def test_a_cursor_is_read_as_it_was_written() -> None:
    mark = Mark(quarantine.Kind.MANIFEST, 5, 6, 7)
    assert Mark.parse(str(mark)) == mark
    assert Mark.parse("") == Mark()
