"""A process that does one job: to count, a line for each number; run as `counting FOLDER FILE`.

It waits before the number that the file `gate` beside the other says.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from entrepot.db.place import find
from entrepot.observe.metrics import Metrics
from entrepot.upkeep.job import Job, Run
from entrepot.upkeep.runner import Runner

UPTO = 300


async def main(folder: Path, file: Path, url: str = "") -> None:
    async def count(run: Run) -> None:
        for number in range(int(run.cursor or 0), UPTO):
            while number >= int(file.with_name("gate").read_text()):  # noqa: ASYNC110 - another's
                await asyncio.sleep(0.01)
            with file.open("a") as lines:
                lines.write(f"{number} {os.getpid()}\n")
            await run.progress(number + 1, UPTO, cursor=str(number + 1))
            await asyncio.sleep(0.01)

    place = find(folder, url)
    place.prepare()
    await Runner(place.database(), [Job("count", count, None, "Counts.")], Metrics()).run()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background ignores it
    with suppress(KeyboardInterrupt):
        asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
