"""A bar for what a command reads, a line for each part; nothing where nobody looks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Watch = Callable[[str, int, int], None]
"""Is told of what is read: its digest, how many bytes have come, and how many will."""


@contextmanager
def reading(*, wanted: bool) -> Iterator[Watch | None]:
    """Whom to tell; None where nothing is to be read."""
    if not wanted:
        yield None
        return
    if not sys.stderr.isatty():
        yield lambda _digest, _count, _size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def watch(digest: str, count: int, size: int) -> None:
            if digest not in tasks:
                tasks[digest] = progress.add_task(digest[:19], total=size or None)
            progress.update(tasks[digest], completed=count)

        yield watch
