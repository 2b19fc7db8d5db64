"""Encrypted blobs in a store of objects: neither the bucket nor the store's files show anything."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.content import digest, put_blob, put_image
from tests.files import contents
from tests.seaweed import CREDENTIALS, Bucket, Seaweed, serving
from tests.served import Served
from tests.served import serving as serving_app
from tests.waiting import until

from entrepot.db import exchange, jobs, keyed, place
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.encryption.segments import CONTENT, stored_size
from entrepot.upkeep.encryption_jobs import ENCRYPT_OLD

KEY = MasterKey.new()
PLANTED = b"Planted-and-not-to-be-found"
LARGE = os.urandom(5 * 1024 * 1024) + PLANTED + os.urandom(6 * 1024 * 1024)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weed")


@pytest.fixture(scope="module")
def own(folder: Path) -> Iterator[Seaweed]:
    """A store whose files only these tests have written."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in CREDENTIALS.items():
            environment.setenv(name, value)
        with serving(folder) as seaweed:
            yield seaweed


@pytest.fixture
def bucket(own: Seaweed) -> Iterator[Bucket]:
    with own.bucket() as bucket:
        yield bucket


@pytest.fixture
def served(bucket: Bucket, tmp_path: Path) -> Iterator[Served]:
    settings = {**bucket.settings, "storage_redirect": "all", "encryption_key": KEY.line}
    with serving_app(tmp_path, "own", **settings) as served:
        yield served


def objects(bucket: Bucket) -> list[str]:
    """Keys of what blobs lie in."""
    keys = bucket.keys()
    return [key for key in keys if len(key.rpartition("/")[2]) == 32]


def test_nothing_shows(served: Served, bucket: Bucket, folder: Path) -> None:
    put_image(served.client, "team/app", "1", LARGE, config=b"config " + PLANTED)
    [key] = objects(bucket)
    kept = bucket.s3.get_object(Bucket=bucket.name, Key=key)["Body"].read()
    assert len(kept) == stored_size(len(LARGE))
    for content in (kept, *dict(contents(folder)).values()):
        assert PLANTED not in content
        assert LARGE[:64] not in content
    assert any(path.suffix == ".dat" for path in folder.rglob("*"))


def test_it_is_sent_by_us(served: Served) -> None:
    """A redirect would bring noise."""
    path = f"/v2/team/app/blobs/{put_blob(served.client, 'team/app', LARGE)}"
    answer = served.client.get(path)
    assert (answer.status_code, answer.content) == (200, LARGE)


@pytest.mark.parametrize("start", [0, CONTENT - 1, 5 * 1024 * 1024, len(LARGE) - 1])
@pytest.mark.parametrize("size", [1, CONTENT + 2, 3 * 1024 * 1024])
def test_ranges(served: Served, start: int, size: int) -> None:
    path = f"/v2/team/app/blobs/{put_blob(served.client, 'team/app', LARGE)}"
    stop = min(start + size, len(LARGE))
    answer = served.client.get(path, headers={"range": f"bytes={start}-{stop - 1}"})
    assert (answer.status_code, answer.content) == (206, LARGE[start:stop])


def test_another_objects_bytes(served: Served, bucket: Bucket) -> None:
    """Whoever can write the bucket can lose a blob, but not exchange it for another."""
    put_blob(served.client, "team/app", LARGE)
    [first] = objects(bucket)
    other = LARGE[::-1]
    put_blob(served.client, "team/app", other)
    second = {"Bucket": bucket.name, "Key": first}
    [key] = [key for key in objects(bucket) if key != first]
    bucket.s3.copy_object(Bucket=bucket.name, Key=key, CopySource=second)
    answer = served.client.get(f"/v2/team/app/blobs/{digest(other)}")
    assert answer.status_code == 500
    assert served.client.get(f"/v2/team/app/blobs/{digest(LARGE)}").content == LARGE


def test_keys_change_on_postgres(bucket: Bucket, database_url: str, tmp_path: Path) -> None:
    """A registry without anything on its disk gets a key, and then another one."""
    settings: Any = {**bucket.settings, "database_url": database_url}
    path = f"/v2/team/app/blobs/{digest(LARGE)}"
    old = MasterKey.new()
    with serving_app(tmp_path, "own", **settings) as served:
        put_image(served.client, "team/app", "1", LARGE, config=b"config " + PLANTED)
    [plain] = objects(bucket)
    with (
        serving_app(tmp_path, "own", **settings, encryption_key=old.line) as served,
        closing(place.find(tmp_path, database_url, Keyring((old,))).connect()) as db,
    ):
        assert served.client.get(path).content == LARGE
        until(lambda: not db.execute("select 1 from manifest where key is null").fetchall())
        with db.exclusive():
            assert jobs.ask(db, ENCRYPT_OLD)
        until(lambda: exchange.plain_bytes(db) == 0)
        assert served.client.get(path).content == LARGE
        [new] = {*objects(bucket)} - {plain}  # the old one lingers: somebody may have its URL
        kept = bucket.s3.get_object(Bucket=bucket.name, Key=new)["Body"].read()
        assert len(kept) == stored_size(len(LARGE))
    ring = Keyring((KEY, old))
    both = f"{KEY.line},{old.line}"
    with (
        serving_app(tmp_path, "own", **settings, encryption_key=both) as served,
        closing(place.find(tmp_path, database_url, ring).connect()) as db,
    ):
        until(lambda: keyed.used(db) == [KEY.id])
        assert served.client.get(path).content == LARGE
        rows = db.execute("select content from manifest union all select content from blob")
        assert not [row for (row,) in rows.fetchall() if row and PLANTED in bytes(row)]
    with serving_app(tmp_path, "own", **settings, encryption_key=KEY.line) as served:
        assert served.client.get(path).content == LARGE
        assert served.client.get("/v2/team/app/manifests/1").status_code == 200
