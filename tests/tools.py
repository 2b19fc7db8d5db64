"""The programs that tests drive: found, or the test says what is missing and how to get it.

`ENTREPOT_TEST_TOOLS=required` (as in `.ci/run`) turns a missing program into a failure; elsewhere
it skips the test. `.ci/tools` installs them all, into `ENTREPOT_TOOLS` what it builds.

Such variables are taken out of the environment: they are no settings of the registry, which does
not start with one that it does not know. So the first conftest.py imports this module.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

CRASH_ROUNDS = int(os.environ.pop("ENTREPOT_CRASH_ROUNDS", "40"))
"""How many times tests/crash kills the registry."""

REQUIRED = os.environ.pop("ENTREPOT_TEST_TOOLS", "") == "required"

TOOLS = Path(os.environ.pop("ENTREPOT_TOOLS", Path.home() / ".cache" / "entrepot-tools"))

SEARCH = os.pathsep.join(
    [
        str(TOOLS),
        os.environ.get("PATH", os.defpath),
        "/usr/local/sbin:/usr/sbin:/sbin",
    ]
)


def tool(name: str) -> Path:
    """Where the program `name` is; skips or fails the test where it is not."""
    found = shutil.which(name, path=SEARCH)
    if found is None:
        lacking(f"no {name} on this machine: run .ci/tools as root, it installs what tests use")
    return Path(found)


def packages(name: str) -> Path:
    """The folder with the npm packages that `.ci/tools` installed as `name`."""
    found = TOOLS / name
    if not (found / "node_modules").is_dir():
        lacking(f"no npm packages {name} on this machine: run .ci/tools, it installs them")
    return found


def as_root(what: str) -> None:
    """Skip or fail the test unless it runs as root, which `what` needs."""
    if os.geteuid() != 0:
        lacking(f"{what} needs root here: run the tests as root")


def lacking(reason: str) -> NoReturn:
    """Fail where everything has to run, skip elsewhere."""
    if REQUIRED:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def run(
    *command: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    within: float = 240,
    text: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, at most `within` seconds; what it said is the failure's text.

    It reads `text`, or nothing, from its standard input.
    """
    done = subprocess.run(
        command,
        env=env,
        cwd=cwd,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=within,
        input=text or "",
        check=False,
    )
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()
        pytest.fail(f"{' '.join(map(str, command))}\nexit {done.returncode}\n{said}")
    return done
