"""The command `entrepot`, run to its end as a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

WITHIN = 240
"""Seconds: what hangs is ended before the test is."""


@dataclass(frozen=True)
class Done:
    status: int
    output: str
    error: str


def entrepot(*arguments: str, cwd: Path | None = None, stdin: str = "", **env: str) -> Done:
    """Run it. Settings that the tests themselves were started with do not count."""
    outer = {k: v for k, v in os.environ.items() if not k.startswith(("ENTREPOT_", "_ENTREPOT"))}
    done = subprocess.run(
        [sys.executable, "-m", "entrepot", *arguments],
        env={**outer, "COLUMNS": "200", "TERM": "dumb", **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=WITHIN,
        input=stdin,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
