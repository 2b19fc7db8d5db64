"""Commands that are killed while they work."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.warm import Process, outer


def kill_often(words: Sequence[str], random: Random) -> int:
    """Start it and kill it, sooner or later; how often it was still at work."""
    return sum(killed(words, random.uniform(0, 0.7)) for _ in range(8))


def killed(words: Sequence[str], after: float) -> bool:
    """Start it and kill it after so many seconds; whether it was still at work."""
    with Path(os.devnull).open("r+b") as nothing:
        process = Process(words, env=outer(), stdin=nothing, stdout=nothing, stderr=nothing)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL
