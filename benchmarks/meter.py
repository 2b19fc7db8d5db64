"""What a stretch of load costs: wall time, the server's CPU and the load generator's own."""

import resource
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .server import Server

GIB = 1 << 30
MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of load; all in seconds."""

    wall: float
    server_cpu: float
    load_cpu: float

    def transfer(self, size: int) -> dict[str, float]:
        """Figures of `size` bytes moved in this window."""
        return {
            "gb_s": size / self.wall / 1e9,
            "cpu_gib": self.server_cpu / size * GIB,
            "load_gib": self.load_cpu / size * GIB,
        }

    def requests(self, count: int) -> dict[str, float]:
        """Figures of `count` requests, or other things, done in this window."""
        if not count:
            raise RuntimeError("nothing was answered")
        return {
            "rate": count / self.wall,
            "cpu_us": self.server_cpu / count * MILLION,
            "load_us": self.load_cpu / count * MILLION,
        }


def load_cpu() -> float:
    """CPU seconds of this process and of the children it has waited for."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + waited.ru_utime + waited.ru_stime


def together(server: Server, works: Sequence[Callable[[], object]]) -> Window:
    """Run all works at the same time, each in a thread; the window ends with the last one."""
    gate = threading.Barrier(len(works) + 1)

    def work(each: Callable[[], object]) -> None:
        gate.wait()
        each()

    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(work, each) for each in works]
        cpu, own, begin = server.cpu(), load_cpu(), time.perf_counter()
        gate.wait()
        for future in futures:
            future.result()
        wall = time.perf_counter() - begin
        return Window(wall, server.cpu() - cpu, load_cpu() - own)


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Median and 99th percentile of latencies, in milliseconds."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {
        "p50_ms": ordered[round(last * 0.50)] * 1e3,
        "p99_ms": ordered[round(last * 0.99)] * 1e3,
    }
