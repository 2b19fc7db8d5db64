"""A disk that is full: pushes are refused with a reason, nothing is harmed, pulls go on."""

import errno
import json
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.accounts import ADMIN
from tests.crash.connection import Answer, Connection
from tests.crash.content import MANIFEST, Content, digest_of, image
from tests.crash.test_sigkill import damage
from tests.crash.ways import WAYS, Way, finish, forget, post_only, uploads
from tests.registry import Registry, serving
from tests.tools import as_root, lacking, run, tool

from entrepot.blobstore.store import RESERVE

MIB = 1024 * 1024
SIZE = 192 * MIB
BLOCK = 4096
SMALL, LARGE = Content(1, 5_000), Content(2, 3 * MIB)
TOO_LARGE = Content(3, 40 * MIB)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small ext4 file system of its own."""
    as_root("mounting a file system")
    image_, folder = tmp_path / "disk.img", tmp_path / "disk"
    with image_.open("wb") as file:
        file.truncate(SIZE)
    run(tool("mkfs.ext4"), "-q", "-m", "0", image_)
    folder.mkdir()
    try:
        run(tool("mount"), "-o", "loop", image_, folder)
    except pytest.fail.Exception as refused:
        lacking(f"no loop mounts here: {refused.msg}")
    try:
        yield folder
    finally:
        run(tool("umount"), "--lazy", folder)


@pytest.fixture
def registry(disk: Path) -> Iterator[Registry]:
    with serving(disk, access_log=False, upkeep_pause="0.2") as registry:
        with Connection(registry.address) as at:
            for content in (SMALL, LARGE):
                post_only(at, "full/app", content, forget)
            at.expect(201, "PUT", "/v2/full/app/manifests/1", image(SMALL, LARGE), _TYPE)
        yield registry


_TYPE = {"Content-Type": MANIFEST}


@pytest.mark.parametrize("way", WAYS[:4], ids=lambda way: way.__name__)
def test_a_push_that_does_not_fit_is_refused_and_leaves_nothing(
    registry: Registry, way: Way
) -> None:
    _leave(registry, 20 * MIB)
    before = _free(registry)
    with Connection(registry.address) as at:
        with pytest.raises(AssertionError) as refused:
            way(at, "full/app", TOO_LARGE, forget)
        assert "507" in str(refused.value)
        _assert_whole(registry)
        with pytest.raises(AssertionError, match="507"):
            way(at, "full/app", TOO_LARGE, forget)
    assert _free(registry) > before - 10 * MIB, "what was refused still takes room"
    assert damage(registry.data, read=True) == []


def test_a_full_disk_is_told_and_left_behind(registry: Registry) -> None:
    with Connection(registry.address) as at:
        location = at.expect(202, "POST", uploads("full/app"), b"").location
        part = TOO_LARGE.data[: 2 * MIB]
        assert at.expect(202, "PATCH", location, part).size == len(part)
        _leave(registry, 0)
        _assert_unavailable(at.ask("PATCH", location, TOO_LARGE.data[2 * MIB : 8 * MIB]))
        _assert_unavailable(
            at.ask("POST", f"{uploads('full/app')}?digest={TOO_LARGE.digest}", TOO_LARGE.data)
        )
        ready = at.ask("GET", "/readyz")
        assert ready.status == 503
        assert b"bytes free" in ready.body
        assert at.expect(204, "GET", location).size == len(part)
        _assert_whole(registry)

        (registry.data / "filler").unlink()
        at.expect(200, "GET", "/readyz")
        finish(at, location, TOO_LARGE, TOO_LARGE.data[2 * MIB :])
        at.expect(201, "PUT", "/v2/full/app/manifests/2", image(SMALL, TOO_LARGE), _TYPE)
    registry.kill()
    registry.start()
    _assert_whole(registry)
    assert registry.blob("full/app", TOO_LARGE.digest) == TOO_LARGE.data
    assert damage(registry.data, read=True) == []


def test_a_database_that_cannot_grow_refuses_and_goes_on(registry: Registry) -> None:
    """Small blobs lie in the database: pushed until it is full, all that were taken are there."""
    _leave(registry, 1 * MIB)
    taken: list[Content] = []
    with Connection(registry.address) as at:
        for seed in range(10_000):
            content = Content(1000 + seed, 16_000)
            target = f"{uploads('full/app')}?digest={content.digest}"
            answer = at.ask("POST", target, content.data)
            if answer.status != 201:
                break
            taken.append(content)
        _assert_unavailable(answer)
        for other in taken:
            assert at.expect(200, "GET", _blob(other)).body == other.data
        (registry.data / "filler").unlink()
        at.expect(201, "POST", target, content.data)
    assert damage(registry.data, read=True) == []


def test_room_is_made_on_a_full_disk(disk: Path) -> None:
    """What the guide says: delete, purge, collect; that is written into the disk's last bytes."""
    login = {"Authorization": f"Basic {b64encode(':'.join(ADMIN.pair).encode()).decode()}"}
    with (
        serving(
            disk,
            access_log=False,
            dangerously_without_accounts=False,
            admin_password=ADMIN.secret,
        ) as registry,
        Connection(registry.address, headers=login) as at,
    ):
        for content in (SMALL, LARGE, TOO_LARGE):
            post_only(at, "full/app", content, forget)
        manifest = image(SMALL, TOO_LARGE)
        at.expect(201, "PUT", "/v2/full/app/manifests/1", image(SMALL, LARGE), _TYPE)
        at.expect(201, "PUT", "/v2/full/app/manifests/2", manifest, _TYPE)
        _leave(registry, RESERVE - MIB)
        more = Content(4, 8 * MIB)
        target = f"{uploads('full/app')}?digest={more.digest}"
        _assert_unavailable(at.ask("POST", target, more.data))

        at.expect(202, "DELETE", f"/v2/full/app/manifests/{digest_of(manifest)}")
        found = json.loads(at.expect(200, "GET", "/api/v1/trash").body)["items"]
        at.expect(204, "DELETE", f"/api/v1/trash/{found[0]['id']}")
        collected = json.loads(at.expect(200, "POST", "/api/v1/gc?grace=0", b"").body)
        assert (collected["blobs"], collected["bytes"]) == (1, TOO_LARGE.size)
        assert _free(registry) > 30 * MIB

        at.expect(201, "POST", target, more.data)
        for content in (SMALL, LARGE, more):
            assert at.expect(200, "GET", _blob(content)).body == content.data
        assert damage(registry.data, read=True) == []


def _leave(registry: Registry, free: int) -> None:
    """Fill the disk but for so many bytes, whatever the registry writes meanwhile."""
    with (registry.data / "filler").open("wb") as filler:
        room = _free(registry) - free
        while room >= BLOCK:
            try:
                os.posix_fallocate(filler.fileno(), filler.seek(0, os.SEEK_END), room)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                room = min(room // 2, _free(registry) - free)
            else:
                room = _free(registry) - free


def _free(registry: Registry) -> int:
    found = os.statvfs(registry.data)
    return found.f_bavail * found.f_frsize


def _assert_unavailable(answer: Answer) -> None:
    assert answer.status == 507
    assert answer.error["code"] == "UNAVAILABLE"
    assert "disk is full" in answer.error["message"]


def _assert_whole(registry: Registry) -> None:
    assert registry.manifest("full/app", "1") == image(SMALL, LARGE)
    for content in (SMALL, LARGE):
        assert registry.blob("full/app", content.digest) == content.data


def _blob(content: Content) -> str:
    return f"/v2/full/app/blobs/{content.digest}"
