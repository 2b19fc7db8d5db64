"""`shown` and `following`: how far something has come, as a bar on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from entrepot.cli.size import show_size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Follow = Callable[[str, int, int], None]
"""Takes words for how far it is, and that as a count of a total."""


@contextmanager
def shown() -> "Iterator[Bar]":
    """A bar on a terminal; nothing where nobody looks."""
    if not sys.stderr.isatty():
        yield Bar(None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Bar(progress)


@contextmanager
def following(what: str) -> "Iterator[Follow]":
    """Whom to tell of something that others do: a bar on a terminal, else a line for each news."""
    if not sys.stderr.isatty():
        yield _lines(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)

        def follow(words: str, count: int, total: int) -> None:
            progress.update(task, description=f"{what}: {words}", completed=count, total=total)

        yield follow


def _lines(what: str) -> "Follow":
    last = ""

    def follow(words: str, _count: int, _total: int) -> None:
        nonlocal last
        if words != last:
            print(f"{what}: {words}", file=sys.stderr, flush=True)  # noqa: T201 - what it is for
            last = words

    return follow


class Bar:
    """Shows how far it has come."""

    def __init__(self, progress: "Progress | None") -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def begin(self, what: str, total: int, unit: str) -> None:
        """A step begins, of so many bytes or rows."""
        if self._progress is None:
            return
        size = show_size(total) if unit == "bytes" else f"{total} {unit}"
        self._task = self._progress.add_task(f"{what} ({size})", total=total or 1)

    def add(self, count: int) -> None:
        """So many more are done; any thread may say so."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, count)

    def tell(self, words: str) -> None:
        """Say something else of the step; any thread may."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=words)
