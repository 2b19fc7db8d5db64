"""The number that says that something changed: nobody is ever shown what was before."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.crash.connection import Connection
from tests.crash.content import MANIFEST, Content, digest_of, image
from tests.crash.ways import forget, post_only
from tests.registry import StartRegistry

from entrepot.db.generation import Generation
from entrepot.db.sqlite import SQLiteDatabase

_BUMP = """
import sys
from pathlib import Path
from entrepot.db.generation import Generation
generation = Generation(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    generation.bump()
"""


def test_a_bump_is_seen_by_every_process(tmp_path: Path) -> None:
    one, two = Generation(tmp_path), Generation(tmp_path)
    for bumped in (one, two):
        before = one.read()
        bumped.bump()
        assert one.read() == two.read() != before
    one.close()
    two.close()


def test_no_number_that_was_seen_comes_again(tmp_path: Path) -> None:
    """Also while other processes bump, and are held up in the middle of it."""
    generation = Generation(tmp_path)
    others = [
        subprocess.Popen([sys.executable, "-c", _BUMP, tmp_path], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    try:
        for other in others:
            assert other.stdout is not None
            assert other.stdout.readline() == b"ready\n"
        seen, last = set[int](), generation.read()
        until = time.monotonic() + 1
        while time.monotonic() < until:
            generation.bump()
            now = generation.read()
            assert now == last or now not in seen
            seen.add(now)
            last = now
    finally:
        for other in others:
            other.kill()
            other.communicate()
        generation.close()


def test_the_file_takes_its_room_on_the_disk_at_once(tmp_path: Path) -> None:
    """Writing to a hole of a mapped file would kill the process where the disk is full."""
    Generation(tmp_path).close()
    found = (tmp_path / "generation").stat()
    assert found.st_blocks * 512 >= found.st_size > 0


def test_no_worker_answers_with_what_was_before(start_registry: StartRegistry) -> None:
    """A tag is moved on one connection and read on fresh ones, which any worker may take."""
    registry = start_registry(workers=2, access_log=False)
    parts = [Content(seed, 100) for seed in range(3)]
    manifests = [image(parts[0], *parts[1:number]) for number in (1, 2, 3)]
    path = "/v2/stale/app/manifests/moving"

    def read(_: int) -> str:
        with Connection(registry.address) as fresh:
            return fresh.expect(200, "HEAD", path).digest

    with Connection(registry.address) as at, ThreadPoolExecutor(8) as readers:
        for part in parts:
            post_only(at, "stale/app", part, forget)
        for number in range(60):
            manifest = manifests[number % 3]
            at.expect(201, "PUT", path, manifest, {"Content-Type": MANIFEST})
            assert set(readers.map(read, range(16))) == {digest_of(manifest)}


async def test_a_new_process_makes_the_others_look(tmp_path: Path) -> None:
    """The one before it may have been killed between its commit and its bump."""
    one = SQLiteDatabase(tmp_path)
    seen = one.generation.read()
    two = SQLiteDatabase(tmp_path)
    assert one.generation.read() != seen
    await one.close()
    await two.close()
