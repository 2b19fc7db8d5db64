"""A cluster and a registry for someone who develops: `python -m tests.cluster up`, then `down`.

It runs in the background until `down`; all that it keeps is in one folder, new each time.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.cluster.cluster import running
from tests.cluster.site import beside

FOLDER = Path(tempfile.gettempdir()) / f"entrepot-cluster-{os.geteuid()}"
UP_WITHIN = 180.0
DOWN_WITHIN = 60.0

_HOW = """\
export KUBECONFIG={kubeconfig}
# the registry is {address}, its CA {ca}
# kubectl create secret docker-registry entrepot --docker-server={address} \\
#   --docker-username={name} --docker-password={secret}
# an image: {image}
"""


def up() -> None:
    """Start it, and say how to use it."""
    if _pid():
        sys.exit(f"it runs already:\n{_how()}")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(mode=0o700)
    with (FOLDER / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster", "run"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (FOLDER / "pid").write_text(str(process.pid))
    deadline = time.monotonic() + UP_WITHIN
    while not (FOLDER / "how").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            sys.exit((FOLDER / "log").read_text())
        time.sleep(0.2)
    print(_how(), end="")


def down() -> None:
    """Stop it, and leave nothing."""
    pid = _pid()
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + DOWN_WITHIN
        while _pid():
            if time.monotonic() > deadline:
                sys.exit(f"process {pid} still runs after {DOWN_WITHIN} s")
            time.sleep(0.2)
    shutil.rmtree(FOLDER, ignore_errors=True)


def _run() -> None:
    """What runs in the background."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        with running(FOLDER / "cluster") as cluster, beside(cluster, FOLDER / "site") as site:
            robot = site.reader("developer", "*")
            how = _HOW.format(
                kubeconfig=cluster.kubeconfig,
                address=site.address,
                ca=site.ca,
                name=robot.name,
                secret=robot.secret,
                image=site.push("team/greeter"),
            )
            whole = FOLDER / "how.new"
            whole.write_text(how)
            whole.rename(FOLDER / "how")
            signal.pause()
    except (pytest.skip.Exception, pytest.fail.Exception) as lack:
        sys.exit(str(lack))


def _how() -> str:
    with suppress(FileNotFoundError):
        return (FOLDER / "how").read_text()
    return ""


def _pid() -> int | None:
    """The process in the background, while it runs."""
    with suppress(FileNotFoundError, ValueError):
        pid = int((FOLDER / "pid").read_text())
        if b"tests.cluster" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


if __name__ == "__main__":
    commands = {"up": up, "down": down, "run": _run}
    if sys.argv[1:] not in [["up"], ["down"], ["run"]]:
        sys.exit("usage: python -m tests.cluster up | down")
    commands[sys.argv[1]]()
