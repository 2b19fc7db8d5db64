"""The bar for what is read, on a real terminal."""

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import IO

CALL = """
from entrepot.cli.reading import reading
with reading(wanted=True) as watch:
    watch("sha256:0123456789abcdef", 512, 1024)
    watch("sha256:0123456789abcdef", 1024, 1024)
"""


def test_it_shows_each_part() -> None:
    terminal, end = pty.openpty()
    with os.fdopen(terminal, "rb") as shown:
        words = [sys.executable, "-c", CALL]
        env = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
        subprocess.run(words, stderr=end, env=env, timeout=60, check=True)
        os.close(end)
        text = "".join(_until_it_is_closed(shown))
    assert "sha256:0123456789ab" in text
    assert "1.0/1.0 kB" in text


def _until_it_is_closed(shown: IO[bytes]) -> Iterator[str]:
    """What comes to a terminal comes in pieces, and then an error."""
    with suppress(OSError):
        while piece := os.read(shown.fileno(), 65536):
            yield piece.decode(errors="replace")


def test_nobody_looks() -> None:
    done = subprocess.run([sys.executable, "-c", CALL], capture_output=True, timeout=60, check=True)
    assert done.stderr == b""
