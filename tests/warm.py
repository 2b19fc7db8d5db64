"""`entrepot` as a process of its own that need not import first: most commands take longer for that
than for their work.

One process has imported it all (`tests/forking.py`), and each command is a fork of it. Where a test
is about what comes before (what can be imported, what `ps` shows) it starts the command afresh:
`tests/cli/command.py`.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from tests.cli.command import WITHIN, Done

File = IO[Any] | int


class Process:
    """A command that runs; as `subprocess.Popen`, as far as tests need it."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        stdin: File,
        stdout: File,
        stderr: File,
    ) -> None:
        self.words = words
        self._code: int | None = None
        self._told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = json.dumps([[*words], dict(env), str(cwd or Path.cwd())]).encode()
        files = [
            each if isinstance(each, int) else each.fileno() for each in (stdin, stdout, stderr)
        ]
        with theirs:
            socket.send_fds(_origin().orders, [order], [*files, theirs.fileno()])
        self.pid = int(self._told.recv(64))

    def poll(self) -> int | None:
        """Its exit code, if it has ended; minus the signal that ended it."""
        if self._code is None and select.select([self._told], [], [], 0)[0]:
            self._code = int(self._told.recv(64))
            self._told.close()
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises `subprocess.TimeoutExpired`."""
        if self._code is None and not select.select([self._told], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired([*self.words], timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended, which is told in a moment
                os.kill(self.pid, number)


class _Origin:
    """What is forked; it ends with this process."""

    def __init__(self) -> None:
        self.orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = Path(__file__).with_name("forking.py")
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(program), str(theirs.fileno())],
                env={**outer(), "PYTHONUNBUFFERED": "1"},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )


_origins: list[_Origin] = []
_making = threading.Lock()


def _origin() -> _Origin:
    """The one of this process, whichever thread comes first."""
    with _making:
        if not _origins:
            _origins.append(_Origin())
        return _origins[0]


def outer() -> dict[str, str]:
    """This process's environment; settings that the tests were started with do not count."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("ENTREPOT_", "_ENTREPOT"))}


def entrepot(*arguments: str, cwd: Path | None = None, stdin: str = "", **env: str) -> Done:
    """Run it to its end."""
    with TemporaryFile("w+") as given, TemporaryFile("w+") as output, TemporaryFile("w+") as error:
        given.write(stdin)
        given.seek(0)
        terminal = {"COLUMNS": "200", "TERM": "dumb"}
        process = Process(
            arguments,
            env={**outer(), **terminal, **env},
            cwd=cwd,
            stdin=given,
            stdout=output,
            stderr=error,
        )
        with _ended(process):
            status = process.wait(WITHIN)
        output.seek(0)
        error.seek(0)
        return Done(status, output.read(), error.read())


@contextmanager
def _ended(process: Process) -> Iterator[None]:
    """Nothing of it stays."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
