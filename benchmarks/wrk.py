"""Small GETs by wrk: as many as a server answers on a few connections that stay open."""

import re
import subprocess
import time

from .meter import Window, load_cpu
from .server import Server

CONNECTIONS = 16
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
"""Milliseconds in a unit of wrk's."""


def get(server: Server, path: str, seconds: float, headers: str = "") -> dict[str, float]:
    """Measure GETs of one path, after a short run that nobody counts; `headers` are whole lines."""
    _run(server, path, 1, headers)
    cpu, own, begin = server.cpu(), load_cpu(), time.perf_counter()
    output = _run(server, path, max(1, round(seconds)), headers)
    window = Window(time.perf_counter() - begin, server.cpu() - cpu, load_cpu() - own)
    count, wall = _counted(output)
    figures = window.requests(count)
    figures["rate"] = count / wall
    return figures | {"p50_ms": _latency(output, "50"), "p99_ms": _latency(output, "99")}


def _run(server: Server, path: str, seconds: int, headers: str) -> str:
    url = f"http://127.0.0.1:{server.port}{path}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    given = [word for line in headers.splitlines() for word in ("-H", line)]
    result = subprocess.run([*command, *given, url], check=True, capture_output=True, text=True)
    for problem in ("Non-2xx", "Socket errors"):
        if problem in result.stdout:
            raise RuntimeError(f"{server.peer.name}{path}:\n{result.stdout}")
    return result.stdout


def _counted(output: str) -> tuple[int, float]:
    """Requests answered and the seconds it took, as wrk counts them."""
    found = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m),", output)
    if not found:
        raise RuntimeError(f"what wrk says is not understood:\n{output}")
    seconds = float(found[2]) * {"m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6}[found[3]]
    return int(found[1]), seconds


def _latency(output: str, percentile: str) -> float:
    """Milliseconds of a percentile."""
    found = re.search(rf"^\s+{percentile}%\s+([\d.]+)(us|ms|s)$", output, re.MULTILINE)
    if not found:
        raise RuntimeError(f"what wrk says is not understood:\n{output}")
    return float(found[1]) * UNITS[found[2]]
