"""A daemon that a client needs, started for the tests and taken away with all it leaves behind."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

READY_WITHIN = 120.0
STOP_WITHIN = 30.0


@contextmanager
def daemon(
    folder: Path, listens: Path, command: Sequence[str | Path], env: Mapping[str, str]
) -> Iterator[None]:
    """Run `command`, whose files are all in `folder`, while its socket `listens`."""
    log = folder / "daemon.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        await_socket(listens, process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        end_children(folder)
        unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)


def await_socket(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when something accepts connections on a Unix socket."""
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(path))
            except OSError:
                time.sleep(0.1)
            else:
                return
    raise AssertionError(f"{path} does not answer\n{log.read_text(errors='replace')[-4000:]}")


def end_children(folder: Path) -> None:
    """End what the daemon started and left: shims, whose command line names a path in `folder`."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if f"{folder}/".encode() in command and int(entry.name) != os.getpid():
            try:
                os.kill(int(entry.name), signal.SIGKILL)
            except ProcessLookupError:
                continue


def unmount(folder: Path) -> None:
    """Unmount all that is mounted inside `folder`, the innermost first."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False)
