"""Imports `entrepot` once and forks a process for each command: `tests/warm.py` starts this program
and sends it orders.

What is forked is what `python -m entrepot` would have become: a process with a session, settings,
a folder and files of its own, which ends as any other does and can be killed.
"""

import atexit
import gc
import importlib
import json
import multiprocessing
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

_LEFT_OUT = ("entrepot.__main__", "entrepot.db.migrations", "entrepot.kube.controller")
"""Not imported ahead: what runs when it is imported, and what no other command imports."""

_BESIDES = ("typer.rich_utils", "rich.markdown")
"""Imported by what shows help."""


def _import() -> None:
    """All that commands import; what they find imported costs them nothing."""
    runpy.run_path(str(Path(__file__).with_name("hashing.py")))
    package = importlib.import_module("entrepot")
    names = [found.name for found in pkgutil.walk_packages(package.__path__, "entrepot.")]
    for name in (*names, *_BESIDES):
        if not name.startswith(_LEFT_OUT):
            importlib.import_module(name)
    gc.freeze()


def _take_orders(orders: socket.socket) -> None:
    """Fork for each, and tell how it ended; comes back in what was forked."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes)
    running: dict[int, int] = {}
    while True:
        heard: list[Any] = [orders, woken]
        ready, _, _ = select.select(heard, [], [])
        if woken in ready:
            os.read(woken, 1024)
            _tell_ends(running)
        if orders in ready:
            order, files, _, _ = socket.recv_fds(orders, 1 << 20, 4)
            if not order:
                sys.exit()
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for inherited in (orders.detach(), woken, wakes, *running.values()):
                    os.close(inherited)
                words, env, cwd = json.loads(order)
                _become(words, env, cwd, files)
                return
            running[pid] = files.pop()
            for file in files:
                os.close(file)


def _tell_ends(running: dict[int, int]) -> None:
    for pid, told in [*running.items()]:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            with socket.socket(fileno=told) as at:
                _say(at, os.waitstatus_to_exitcode(status))
            del running[pid]


def _become(words: list[str], env: dict[str, str], cwd: str, files: list[int]) -> None:
    """The process that the order asks for, and say that it is there."""
    os.setsid()
    _take_signals()  # which a shell has what it starts in the background ignore
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.argv = ["entrepot", *words]
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    with socket.socket(fileno=files[3]) as at:
        _say(at, os.getpid())
    for file in files[:3]:
        os.close(file)
    if "ENTREPOT_STORAGE_URL" not in env:
        _fork_workers()


def _fork_workers() -> None:
    """Workers are forks, too: uvicorn starts each afresh. Not those over a bucket, whose client has
    threads in the supervisor, which no fork would have.
    """
    starting: Any = importlib.import_module("uvicorn._subprocess")
    starting.spawn = multiprocessing.get_context("fork")
    os.register_at_fork(after_in_child=_take_signals)


def _take_signals() -> None:
    """As what has just been started does, and not as a supervisor, who only notes them down."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _run() -> NoReturn:
    """Be the command, and end without taking the interpreter apart: what nobody has touched is
    shared with all other forks until then, and to free it would copy it first.
    """
    code: object = 1
    try:
        runpy.run_module("entrepot", run_name="__main__", alter_sys=True)
        code = None
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - told as the interpreter tells it
        traceback.print_exc()
    finally:
        if isinstance(code, str):
            print(code, file=sys.stderr)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _say(at: socket.socket, number: int) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked may have gone
        at.send(str(number).encode())


if __name__ == "__main__":
    _import()
    _take_orders(socket.socket(fileno=int(sys.argv[1])))
    _run()
