"""Files of a folder that a registry is using, and tidies up meanwhile."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """All files below it, and what is in them; but for those that go before they are read."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if path.is_file():
                yield path, path.read_bytes()
