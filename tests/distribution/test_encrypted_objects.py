"""Encrypted blobs in a store of objects: neither the bucket nor the store's files show anything."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.content import digest, put_blob, put_image
from tests.seaweed import CREDENTIALS, Bucket, Seaweed, serving
from tests.served import Served
from tests.served import serving as serving_app

from entrepot.encryption.keys import MasterKey
from entrepot.encryption.segments import CONTENT, stored_size

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
    for content in (kept, *(path.read_bytes() for path in folder.rglob("*") if path.is_file())):
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
