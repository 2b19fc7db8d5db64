"""The cgroup that a node's pods are in: made, and taken away with all below it."""

import os
import time
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_EMPTY_WITHIN = 60.0


def make(name: str) -> None:
    """One for every controller of the first version, or the one of the second."""
    for hierarchy in _hierarchies():
        (hierarchy / name).mkdir(exist_ok=True)
        _inherit(hierarchy, name)


def remove(name: str) -> None:
    """Take it away, the innermost first; its processes have ended or are about to."""
    deadline = time.monotonic() + _EMPTY_WITHIN
    for hierarchy in _hierarchies():
        for folder, _, _ in os.walk(hierarchy / name, topdown=False):
            while not _removed(Path(folder)):
                assert time.monotonic() < deadline, f"{folder} is in use"
                time.sleep(0.05)


def _hierarchies() -> list[Path]:
    if (_ROOT / "cgroup.controllers").exists():
        return [_ROOT]
    return [path for path in _ROOT.iterdir() if path.is_dir() and not path.is_symlink()]


def _inherit(hierarchy: Path, name: str) -> None:
    """Nothing can run in a new cpuset, which is empty, unlike one of the second version."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if (hierarchy / "tasks").exists() and (hierarchy / file).exists():
            (hierarchy / name / file).write_text((hierarchy / file).read_text())


def _removed(folder: Path) -> bool:
    with suppress(FileNotFoundError):
        try:
            folder.rmdir()
        except OSError as error:
            if isinstance(error, FileNotFoundError):
                raise
            return False
    return True
