"""The processes of a registry with several workers."""

import time
from collections.abc import Callable
from pathlib import Path

_GONE = (FileNotFoundError, ProcessLookupError)
"""What is raised where a process ends before its file is opened, or while that is read."""


def workers(supervisor: int) -> list[int]:
    """The ids of the processes that serve; Python may have one of its own beside them."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return sorted(int(child) for child in children if _serves(_command(int(child))))


def _serves(command: bytes) -> bool:
    return b"spawn_main" in command or b"forking.py" in command


def alive(process: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except _GONE:
        return False
    return state != "Z"


def await_none(what: Callable[[], list[str]], within: float = 60) -> None:
    """Wait until nothing is left of something."""
    deadline = time.monotonic() + within
    while left := what():
        assert time.monotonic() < deadline, f"after {within} s there are still {left}"
        time.sleep(0.02)


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except _GONE:
        return b""
