"""`bars`: how far images have come: one for each that is on its way, and one for all together."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

Begin = Callable[[int], Callable[[int], None]]
"""Takes the bytes of an image once they are known; what it gives back takes those that are done."""


@contextmanager
def bars(count: int, *, as_json: bool) -> "Iterator[Bars]":
    """Of so many images, on a terminal; nothing where nobody looks."""
    if as_json or not sys.stderr.isatty():
        yield Bars(None, count)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
    )
    # What is said of each image goes where standard output does, also beside bars.
    to_terminal = sys.stdout.isatty()
    console = Console(stderr=True)
    with Progress(*columns, console=console, redirect_stdout=to_terminal) as progress:
        yield Bars(progress, count)


class Bars:
    """Those of one command; any thread may have one moved."""

    def __init__(self, progress: "Progress | None", count: int) -> None:
        self._progress, self._count = progress, count
        self._lock = Lock()
        self._done = self._size = 0
        many = progress is not None and count > 1
        self._all = progress.add_task(self._words, total=None) if progress and many else None

    @property
    def _words(self) -> str:
        return f"{self._done} of {self._count} images"

    @contextmanager
    def one(self, name: str) -> Iterator[Begin]:
        """For one image: it moves by itself until its size is known, and goes at the end."""
        progress = self._progress
        if progress is None:
            yield lambda _: lambda _: None
            return
        task = progress.add_task(name, total=None)

        def begin(size: int) -> Callable[[int], None]:
            progress.update(task, total=size or 1)
            self._tell(progress, size=size)
            tasks = [each for each in (task, self._all) if each is not None]

            def add(count: int) -> None:
                for each in tasks:
                    progress.advance(each, count)

            return add

        try:
            yield begin
        finally:
            progress.remove_task(task)
            self._tell(progress, done=1)

    def _tell(self, progress: "Progress", size: int = 0, done: int = 0) -> None:
        with self._lock:
            self._size, self._done = self._size + size, self._done + done
            if self._all is not None:
                total = self._size or None
                progress.update(self._all, description=self._words, total=total)
