"""`Trace`: the system calls of a running process, by strace, in the order of their times."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.processes import await_
from tests.tools import tool

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
        self.calls.sort(key=lambda call: call.begin)


@contextmanager
def traced(process: int, folder: Path) -> Iterator[Trace]:
    """Trace a process and its threads; the trace can be read behind the block."""
    trace, said = Trace(folder / "trace"), folder / "strace.log"
    options = ["-f", "-y", "-s", "64", "-e", f"trace={_CALLS}", "-o", str(trace.file)]
    with said.open("wb") as log:
        strace = subprocess.Popen(
            [tool("strace"), *options, "-p", str(process)], stdout=log, stderr=log
        )
    try:
        await_(lambda: b"attached" in said.read_bytes())
        yield trace
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(15)
    trace.read()
