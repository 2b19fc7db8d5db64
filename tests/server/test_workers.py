"""Workers that take long to start are waited for, and not killed for that."""

import http.client
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

from tests.server.slowly import LOADS, SECONDS


def test_a_worker_that_loads_slowly_is_waited_for() -> None:
    script = "from tests.server.slowly import serve; serve()"
    server = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stdout is not None
        port, *loads = (server.stdout.readline() for _ in range(3))
        assert loads == [f"{LOADS}\n"] * 2
        deadline = time.monotonic() + 60
        while (status := _ask(int(port))) is None:
            assert time.monotonic() < deadline, f"nobody answers, though {SECONDS} s are enough"
            time.sleep(0.1)
        assert status == 204
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        assert server.stdout is not None
        rest = server.stdout.read()
        server.stdout.close()
        server.wait()
    assert rest == "", "one was killed meanwhile, and another started"


def _ask(port: int) -> Any:
    with suppress(OSError):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status
        finally:
            connection.close()
    return None
