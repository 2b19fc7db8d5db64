"""A backup of many small images, and the next one after some of them were pushed anew.

Each round has a new place for its backups, once a folder and once a bucket, and changes other
images. CPU is that of `entrepot backup create`, its start included: what the store of the bucket
takes is not in it. `work_s` is the same without the start of the command (`--help`, which loads
less than a backup does), since a server's own backups start in less.
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests import seaweed

from .cases import Sample, Say
from .peers import SUBJECT, Peer
from .pushes import put_image
from .server import Server
from .stock import furnish

IMAGES = 10_000
"""One small layer, a config and a manifest each."""
REPOSITORIES = 100
CHANGED = 0.01
"""The share of all images that is pushed anew, under the same tags."""
CLIENTS = 8

Place = tuple[str, ...]
"""Where backups go, with the options that belong to it."""


def measure(
    peers: Iterable[Peer], folder: Path, rounds: int, images: int, say: Say
) -> list[Sample]:
    """Fill a registry, then back it up twice in each round and at each kind of place."""
    subject = [peer for peer in peers if peer.name == SUBJECT]
    samples = list[Sample]()
    for peer in subject:
        server = Server(peer, folder / "backups")
        try:
            server.start()
            furnish(server)
            begin = time.perf_counter()
            _push(server, range(images))
            say(f"[dim]{images:,} images pushed in {time.perf_counter() - begin:.0f} s")
            with _bucket(folder) as bucket:
                for turn in range(rounds):
                    samples += _round(server, turn, images, bucket, say)
        finally:
            server.remove()
    return samples


def _round(server: Server, turn: int, images: int, bucket: Place, say: Say) -> Iterator[Sample]:
    to_folder = str(server.folder / f"dest-{turn}")
    start = _run("backup", "create", "--help")
    yield Sample("backup-start", SUBJECT, turn, start)
    places: dict[str, Place] = {
        "folder": (to_folder,),
        "bucket": (f"{bucket[0]}/{turn}", *bucket[1:]),
    }
    for kind, place in places.items():
        first = _create(server, place)
        changed = random.Random(f"{turn} {kind}").sample(range(images), round(images * CHANGED))
        _push(server, changed)
        for case, values in (
            (f"backup-{kind}", first),
            (f"backup-{kind}-next", _create(server, place)),
        ):
            values["work_s"] = values["cpu_s"] - start["cpu_s"]
            shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
            say(f"  {case:18} {SUBJECT:16} {shown}")
            yield Sample(case, SUBJECT, turn, values)
    shutil.rmtree(to_folder)


def _create(server: Server, place: Place) -> dict[str, float]:
    return _run("backup", "create", *place, "--data", str(server.folder / "data"))


def _run(*words: str) -> dict[str, float]:
    """CPU and wall seconds of a command."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "entrepot", *words], stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begin
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{words}: {output.read().decode(errors='replace')[-500:]}")
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "seconds": wall}


def _push(server: Server, images: Sequence[int]) -> None:
    """Push these images, with content that no image had before."""

    def client(number: int) -> None:
        with server.connect() as connection:
            for image in images[number::CLIENTS]:
                repository, tag = image % REPOSITORIES, image // REPOSITORIES
                put_image(connection, f"bench/many-{repository:02}", f"1.{tag}")

    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(client, range(CLIENTS)):
            pass


@contextmanager
def _bucket(folder: Path) -> Iterator[Place]:
    """A bucket of a store of its own."""
    with ExitStack() as stack:
        weed = stack.enter_context(seaweed.serving(folder / "weed"))
        bucket = stack.enter_context(weed.bucket())
        before = {name: os.environ.get(name) for name in seaweed.CREDENTIALS}
        os.environ.update(seaweed.CREDENTIALS)
        try:
            options = ("--endpoint", bucket.endpoint, "--region", "us-east-1")
            yield (f"s3://{bucket.name}", *options)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
