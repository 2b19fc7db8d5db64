"""`Trace`: the system calls of a running process, by strace, in the order of their times."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.registry import Registry
from tests.tools import tool
from tests.waiting import until

_CALLS = "pwrite64,pwritev,write,writev,sendto,sendmsg,fdatasync,fsync"
_BEGUN = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>")
_WHOLE = re.compile(r"(\d+) +(\w+)\((.*) = \d+")


@dataclass
class Call:
    name: str
    arguments: str
    begin: int
    """Line of the trace on which it began; times are compared by these."""
    end: int

    @property
    def syncs(self) -> bool:
        return self.name in {"fsync", "fdatasync"}

    def concerns(self, path: str) -> bool:
        """Whether the descriptor is a file whose path ends like this."""
        return re.match(rf"\d+<[^>]*{path}>", self.arguments) is not None


@dataclass
class Trace:
    file: Path
    calls: list[Call] = field(default_factory=list)

    def read(self) -> None:
        pending: dict[str, Call] = {}
        number = 0
        for number, line in enumerate(self.file.read_text(errors="replace").splitlines()):
            if found := _BEGUN.match(line):
                pending[found[1]] = Call(found[2], found[3], number, number)
            elif found := _RESUMED.match(line):
                if found[1] in pending:
                    call = pending.pop(found[1])
                    call.end = number
                    self.calls.append(call)
            elif found := _WHOLE.match(line):
                self.calls.append(Call(found[2], found[3], number, number))
        for call in pending.values():  # strace went before it saw them end
            call.end = number + 1
            self.calls.append(call)
        self.calls.sort(key=lambda call: call.begin)


def _shows(registry: Registry, path: str, trace: Path, status: str) -> bool:
    """Whether an answer is in the trace, and so all before it: strace says that it is attached
    before it sees anything, and writes down what it has seen a moment later.
    """
    httpx.get(f"{registry.url}{path}")
    return trace.exists() and status in trace.read_text(errors="replace")


@contextmanager
def traced(registry: Registry, folder: Path) -> Iterator[Trace]:
    """Trace a registry with its threads; the trace can be read behind the block."""
    trace, said = Trace(folder / "trace"), folder / "strace.log"
    options = ["-f", "-y", "-s", "64", "-e", f"trace={_CALLS}", "-o", str(trace.file)]
    with said.open("wb") as log:
        strace = subprocess.Popen(
            [tool("strace"), *options, "-p", str(registry.pid)], stdout=log, stderr=log
        )
    try:
        until(lambda: b"attached" in said.read_bytes())
        until(lambda: _shows(registry, "/livez", trace.file, "200 OK"))
        yield trace
        until(lambda: _shows(registry, "/the/end", trace.file, "404 Not Found"))
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(60)
    trace.read()
