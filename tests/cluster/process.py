"""`Process`: one program that the cluster is made of, with its log and its end."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.tools import SEARCH, TOOLS, lacking

STOP_WITHIN = 20.0


def component(name: str) -> Path:
    """The program of Kubernetes with this name; skips or fails the test where it is not built."""
    found = TOOLS / "kubernetes" / name
    if not found.exists():
        lacking(f"no {name} on this machine: run .ci/tools as root, it builds Kubernetes")
    return found


def flags(values: Mapping[str, object]) -> list[str]:
    """Flags as Kubernetes and etcd write them."""
    return [
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in values.items()
    ]


class Process:
    """A program that runs from when this is made until it is stopped, or until who made it dies.

    Where the program runs another one in other namespaces, and so waits for that, that is stopped.
    """

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def child(self) -> int | None:
        """The process that it started first, where there is one."""
        with suppress(FileNotFoundError):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            return int(children[0]) if children else None
        return None

    def until(self, ready: Callable[[], bool], within: float = 180) -> None:
        """Return when it is `ready`; its log is the failure's text."""
        deadline = time.monotonic() + within
        while not ready():
            code = self._process.poll()
            assert code is None, f"exit code {code}\n{self.tail()}"
            assert time.monotonic() < deadline, f"not ready after {within} s\n{self.tail()}"
            time.sleep(0.1)

    def stop(self) -> None:
        """End it; by force where it takes too long."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()

    def tail(self, size: int = 4000) -> str:
        """The end of its log."""
        return f"{self.log.name}: …{self.log.read_text(errors='replace')[-size:]}"

    def _signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.child or self.pid, number)


def _environment() -> dict[str, str]:
    """No setting of who runs the tests: neither a kubeconfig nor a proxy."""
    kept = {"HOME", "LANG", "TMPDIR", "USER"}
    return {name: os.environ[name] for name in kept & os.environ.keys()} | {"PATH": SEARCH}
