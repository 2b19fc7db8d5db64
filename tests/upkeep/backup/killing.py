"""Commands that are killed while they work."""

import signal
import subprocess
import sys
import time
from random import Random


def kill_often(words: list[str], random: Random) -> int:
    """Start it and kill it, sooner or later; how often it was still at work."""
    kills = 0
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-m", "entrepot", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(random.uniform(0.3, 1.1))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    return kills
