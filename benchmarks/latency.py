"""How long others wait while large pushes run: HEADs of a manifest, from a process of their own.

``python -m benchmarks.latency PORT PATH`` is that process: it asks every few milliseconds until
its input closes, then prints a JSON list of [when it asked, seconds until the answer].
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

from .content import Content
from .meter import percentiles
from .server import Server
from .stock import ACCEPT
from .transfers import upload
from .wire import Connection

PAUSE = 0.002
"""Seconds between two questions."""
WARM_UP = 0.5
"""Seconds before the pushes begin."""
ROOT = Path(__file__).parent.parent


def under_pushes(server: Server, path: str, content: Content) -> dict[str, float]:
    """Measure HEADs during two pushes of large blobs, one with a length and one chunked each."""
    asked: list[tuple[float, float]] = []
    for chunked in (False, True):
        asked += _during(server, path, content, chunked=chunked)
    return percentiles([seconds for _, seconds in asked])


def _during(
    server: Server, path: str, content: Content, *, chunked: bool
) -> list[tuple[float, float]]:
    command = [sys.executable, "-m", "benchmarks.latency", str(server.port), path]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT) as asking:
        time.sleep(WARM_UP)
        begin = time.perf_counter()
        end = begin + upload(server, content, at_once=2, chunked=chunked).wall
        output, _ = asking.communicate()
    asked: list[tuple[float, float]] = json.loads(output)
    return [(when, seconds) for when, seconds in asked if begin <= when < end]


def ask(port: int, path: str) -> list[tuple[float, float]]:
    """Ask until standard input closes.

    Its own wait for a processor is not the server's: root's real-time priority spares it that.
    """
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    asked = []
    with Connection(port) as connection:
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            begin = time.perf_counter()
            connection.request("HEAD", path, headers=ACCEPT).require(200)
            asked.append((begin, time.perf_counter() - begin))
    return asked


if __name__ == "__main__":
    print(json.dumps(ask(int(sys.argv[1]), sys.argv[2])))
