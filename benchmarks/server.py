"""One server under test: started on a folder, watched, stopped. Only its own process is ended."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import process
from .peers import Peer
from .wire import Connection

PATIENCE = 30
"""Seconds a server may take to answer first, and to end."""
LARGE = 1 << 24
"""Files from this size are blobs of a measurement, in bytes."""


class Server:
    """A peer with a folder and a port of its own."""

    def __init__(self, peer: Peer, folder: Path) -> None:
        self.peer = peer
        self.folder = folder
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._kept: frozenset[Path] = frozenset()
        (folder / "data").mkdir(parents=True)

    @property
    def pid(self) -> int:
        """The first process of the tree."""
        if self._process is None:
            raise RuntimeError(f"{self.peer.name} is not running")
        return self._process.pid

    def start(self) -> float:
        """Start it and return the seconds until it answers first on /v2/."""
        command = self.peer.command(self.folder, self.port)
        environment = {**self.peer.environment, **os.environ}
        with (self.folder / "output.log").open("ab") as log:
            begin = time.perf_counter()
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment
            )
        while not self._answers():
            if self._process.poll() is not None or time.perf_counter() - begin > PATIENCE:
                output = (self.folder / "output.log").read_text(errors="replace")[-2000:]
                self.stop()
                raise RuntimeError(f"{self.peer.name} did not start: {command}\n{output}")
            time.sleep(0.002)
        return time.perf_counter() - begin

    def connect(self) -> Connection:
        """Return a connection of whoever may push."""
        return Connection(self.port, self.peer.authorization)

    def stop(self) -> None:
        """End it politely; then, if it will not, kill what it started."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            for pid in reversed(process.tree(self._process.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cpu(self) -> float:
        """CPU seconds of the tree so far."""
        return process.cpu_seconds(self.pid)

    def memory(self) -> process.Memory:
        """Resident memory of the tree now."""
        return process.memory(self.pid)

    def keep(self) -> None:
        """Mark the large files that are here now as those to keep."""
        self._kept = frozenset(self._large())

    def sweep(self) -> None:
        """Delete large files that came since `keep`: what a push left that nobody will read.

        Behind the server's back, since not every registry gives room back while it runs.
        """
        for path in self._large():
            if path not in self._kept:
                path.unlink(missing_ok=True)

    def cool(self) -> None:
        """Drop the kept large files from the page cache, so that the next read is from disk."""
        for path in self._large():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(descriptor)

    def _large(self) -> list[Path]:
        """Large blobs; a database that has grown is none."""
        found = []
        for path in (self.folder / "data").rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                is_blob = path.is_file() and not path.name.startswith("entrepot.sqlite")
                if is_blob and path.stat().st_size >= LARGE:
                    found.append(path)
        return found

    def _answers(self) -> bool:
        try:
            with Connection(self.port) as connection:
                return connection.request("GET", "/v2/").status in {200, 401}
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
