"""Backups in a bucket: the same, and what only a bucket can do wrong."""

from pathlib import Path
from random import Random

import pytest
from tests.seaweed import Bucket
from tests.upkeep.backup.site import Site, write
from tests.upkeep.killing import kill_often
from tests.warm import entrepot


@pytest.fixture
def away(site: Site, bucket: Bucket) -> Site:
    """Its backups go to a bucket."""
    site.dest = f"s3://{bucket.name}/backups"
    site.options = ("--endpoint", bucket.endpoint, "--region", "us-east-1")
    return site


def test_damage_is_found_and_old_ones_go(away: Site, bucket: Bucket) -> None:
    first = away.create()
    away.push("new", Random(1).randbytes(9_000_000))
    second = away.create("--keep", "1")
    assert second["removed"] == [first["id"]]
    assert second["added"] > 9_000_000
    assert [each["id"] for each in away.json("list")] == [second["id"]]
    assert away.json("verify")["damaged"] == []
    key, *_ = [name for name in bucket.keys() if "/blobs/" in name]  # noqa: SIM118 - no mapping
    size = bucket.s3.head_object(Bucket=bucket.name, Key=key)["ContentLength"]
    bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=b"x" * size)
    done = away.run("verify")
    assert done.status == 1
    assert key.rpartition("/")[2] in done.output
    assert away.create()["added"] == size
    assert away.run("verify").status == 0


def test_what_is_killed_goes_on(
    away: Site, tmp_path: Path, database_url: str, bucket: Bucket
) -> None:
    for number in range(40):
        away.push(f"more-{number}", Random(number).randbytes(200_000))
    random = Random(9)
    assert kill_often(away.words("create", *away.config), random)
    away.create()
    there = write(
        tmp_path / "there.toml",
        data=tmp_path / "there",
        database_url=database_url,
        **bucket.settings,
    )
    assert kill_often(away.words("restore", *there), random)
    done = away.run("restore", *there)
    assert done.status == 0 or "holds a registry already" in done.error, done
    away.destroy()
    away.dest, away.options = str(tmp_path / "folder"), ()
    assert kill_often(away.words("create", *there), random)
    assert entrepot("backup", "create", away.dest, *there).status == 0
    away.check(*there, data=tmp_path / "there")
    away.json("restore", "--data", str(tmp_path / "back"))
    away.check("--data", str(tmp_path / "back"))


def test_a_bucket_that_is_not_there_is_told(away: Site, bucket: Bucket) -> None:
    away.dest = f"s3://{bucket.name}-not/backups"
    for command in ("list", "verify", "restore"):
        done = away.run(command, *(away.config if command == "restore" else ()))
        assert done.status == 2
        assert done.error.count("\n") == 1
    done = away.run("create", *away.config)
    assert done.status == 2
    assert "make the bucket first, or mend its name" in done.error


@pytest.mark.parametrize("command", ["create", "list", "verify", "restore", "prune"])
def test_without_credentials_it_says_how_to_give_them(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    done = entrepot("backup", command, "s3://backups/x", "--region", "us-east-1")
    assert (done.status, done.output) == (2, "")
    assert "there are no credentials for s3://backups/x: give AWS_ACCESS_KEY_ID" in done.error
    assert "again" not in done.error
