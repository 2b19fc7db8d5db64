"""`entrepot serve` and `check` with a store of objects: what they say where it is none."""

import os
from pathlib import Path

import httpx
import pytest
from tests.cli.command import entrepot
from tests.cli.test_serve import refused, serve
from tests.content import digest, put_blob
from tests.registry import StartRegistry, environment
from tests.seaweed import Bucket

CONTENT = os.urandom(100_000)
NOBODY = {"HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}


def test_a_bucket_that_is_not_there(bucket: Bucket, tmp_path: Path) -> None:
    settings = environment({**bucket.settings, "storage_url": "s3://not-there"})
    said = refused(serve(cwd=tmp_path, **settings))
    assert "there is no s3://not-there: make the bucket first" in said


def test_credentials_that_are_wrong(bucket: Bucket, tmp_path: Path) -> None:
    settings = environment(bucket.settings)
    said = refused(serve(cwd=tmp_path, **settings, AWS_SECRET_ACCESS_KEY="of-another"))
    assert f"writing to {bucket.url} is not allowed" in said
    assert "of-another" not in said


def test_without_credentials(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    said = refused(serve(cwd=tmp_path, **environment(bucket.settings), **NOBODY))
    assert "there are no credentials for s3://" in said


def test_a_store_that_cannot_be_reached(bucket: Bucket, tmp_path: Path) -> None:
    settings = environment({**bucket.settings, "storage_endpoint": "http://127.0.0.1:1"})
    said = refused(serve(cwd=tmp_path, **settings))
    assert f"writing to {bucket.url} failed" in said


@pytest.mark.parametrize("command", ["serve", "check"])
def test_packages_that_are_missing(
    command: str, bucket: Bucket, tmp_path: Path, start_registry: StartRegistry
) -> None:
    registry = start_registry(**bucket.settings)
    registry.stop()
    (tmp_path / "obstore.py").write_text("raise ImportError")
    path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    more = {"ENTREPOT_LISTEN": registry.address, "PYTHONPATH": path}
    done = entrepot(
        command, "--data", str(registry.data), cwd=tmp_path, **registry.settings, **more
    )
    assert "wants more packages: pip install 'entrepot[objects]'" in refused(done)


def test_another_store_than_the_one_where_the_blobs_lie(
    bucket: Bucket, start_registry: StartRegistry
) -> None:
    registry = start_registry()
    with httpx.Client(base_url=registry.url) as client:
        put_blob(client, "team/app", CONTENT)
    registry.stop()
    settings = environment(bucket.settings)
    said = refused(serve("--data", str(registry.data), cwd=registry.data, **settings))
    assert "the store has none of 1 objects that the database names" in said
    assert "ENTREPOT_STORAGE_URL" in said
    registry.start()
    assert registry.blob("team/app", digest(CONTENT)) == CONTENT


def test_the_banner_says_where_blobs_lie(bucket: Bucket, start_registry: StartRegistry) -> None:
    registry = start_registry(**bucket.settings)
    assert f", large blobs in {bucket.url}\n" in registry.log.read_text()
    checked = entrepot("check", cwd=registry.data.parent, **registry.settings)
    assert checked.output == "0 damaged, 0 leftovers\n"
