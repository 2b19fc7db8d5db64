"""A real `entrepot serve` as a process of its own, for tests that talk to it over HTTP.

The process keeps its data folder and its port over `stop()`, `kill()` and `start()`, so that a
test can look at what a restart or a crash leaves behind. It is stopped by SIGTERM at the end, and
must then exit with 0 and leave no traceback in its log.
"""

import itertools
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

import httpx
from tests.warm import Process, outer

READY_WITHIN = 120.0
STOP_WITHIN = 60.0

MANIFESTS = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)


class Registry:
    """One registry process on a free loopback port."""

    def __init__(self, data: Path, log: Path, settings: Mapping[str, str]) -> None:
        self.data = data
        self.log = log
        self.settings = dict(settings)
        self.address = self.settings.pop("ENTREPOT_LISTEN", "") or f"127.0.0.1:{free_port()}"
        certificate = self.settings.get("ENTREPOT_TLS_CERT")
        self.url = f"{'https' if certificate else 'http'}://{self.address}"
        self.verify = trusting(Path(certificate)) if certificate else False
        self.afresh = False
        """Whether it is started as users do, and shows itself so to `ps`; it takes its time."""
        self._process: subprocess.Popen[bytes] | Process | None = None
        self._was_killed = False
        self.may_fail = False
        """Whether its log may tell of errors with all that led to them, since a test makes some."""

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start on the same data and port, return when `/readyz` says 200."""
        assert not self.running, "it runs already"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self._was_killed:
            self._await_port()
        with self.log.open("ab") as log:
            self._process = self._begin(log)
        try:
            self._await_ready(time.monotonic() + READY_WITHIN)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """SIGTERM, as systemd and Kubernetes do; it must end by itself and say 0."""
        process = self._running()
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"still up {STOP_WITHIN} s after SIGTERM\n{self._tail()}"
            ) from None
        self._process = None
        assert code == 0, f"exit code {code} after SIGTERM\n{self._tail()}"

    def kill(self) -> None:
        """SIGKILL to the process and its workers: what a power cut looks like from inside."""
        process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_WITHIN)
        self._process = None
        self._was_killed = True

    def _await_port(self) -> None:
        """Workers that were killed have the port for a moment longer than who made them."""
        host, _, port = self.address.rpartition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        deadline = time.monotonic() + STOP_WITHIN
        while True:
            try:
                socket.create_server((host.strip("[]"), int(port)), family=family).close()
            except OSError:
                assert time.monotonic() < deadline, f"{self.address} is not free again"
                time.sleep(0.01)
            else:
                return

    def head(self, repository: str, reference: str) -> httpx.Headers:
        """The headers of a manifest."""
        url = f"{self.url}/v2/{repository}/manifests/{reference}"
        return (
            httpx.head(url, headers={"Accept": MANIFESTS}, verify=self.verify)
            .raise_for_status()
            .headers
        )

    def has(self, repository: str, reference: str) -> bool:
        """Whether a manifest is there."""
        url = f"{self.url}/v2/{repository}/manifests/{reference}"
        status = httpx.head(url, headers={"Accept": MANIFESTS}, verify=self.verify).status_code
        assert status in {200, 404}, status
        return status == 200

    def digest(self, repository: str, reference: str) -> str:
        """What the registry itself says the digest of a manifest is."""
        return str(self.head(repository, reference)["Docker-Content-Digest"])

    def manifest(self, repository: str, reference: str) -> bytes:
        """The bytes of a manifest."""
        url = f"{self.url}/v2/{repository}/manifests/{reference}"
        return (
            httpx.get(url, headers={"Accept": MANIFESTS}, verify=self.verify)
            .raise_for_status()
            .content
        )

    def blob(self, repository: str, digest: str) -> bytes:
        """The bytes of a blob."""
        url = f"{self.url}/v2/{repository}/blobs/{digest}"
        return httpx.get(url, follow_redirects=True, verify=self.verify).raise_for_status().content

    def _begin(self, log: IO[bytes]) -> subprocess.Popen[bytes] | Process:
        words = ["serve", "--data", str(self.data), "--listen", self.address]
        env = {**outer(), "PYTHONUNBUFFERED": "1", **self.settings}
        if not self.afresh:
            with Path(os.devnull).open("rb") as nothing:
                return Process(
                    words, env=env, cwd=self.log.parent, stdin=nothing, stdout=log, stderr=log
                )
        return subprocess.Popen(
            [sys.executable, "-m", "entrepot", *words],
            env=env,
            cwd=self.log.parent,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _running(self) -> subprocess.Popen[bytes] | Process:
        assert self._process is not None, "it does not run"
        return self._process

    def _await_ready(self, deadline: float) -> None:
        with httpx.Client(base_url=self.url, timeout=2, verify=self.verify) as http:
            while time.monotonic() < deadline:
                code = self._running().poll()
                assert code is None, f"exit code {code} at the start\n{self._tail()}"
                try:
                    if http.get("/readyz").status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.02)
        raise AssertionError(f"not ready after {READY_WITHIN} s\n{self._tail()}")

    def _tail(self, size: int = 4000) -> str:
        return self.log.read_text(errors="replace")[-size:]


class StartRegistry(Protocol):
    """Starts a registry of the test's own: `start_registry(sparse_manifests=True)`."""

    def __call__(self, **settings: str | int | bool | Path) -> Registry: ...


@contextmanager
def serving(folder: Path, **settings: str | int | bool | Path) -> Iterator[Registry]:
    """A registry with its data and log in `folder`; `workers=2` becomes `ENTREPOT_WORKERS=2`.

    Without accounts, unless the test says otherwise; `afresh` is no setting, but `Registry.afresh`.
    Where all went well the data is removed in the end, since images are large; the log stays.
    """
    settings = {"dangerously_without_accounts": True, **settings}
    afresh = bool(settings.pop("afresh", False))
    registry = Registry(folder / "data", folder / "registry.log", environment(settings))
    registry.afresh = afresh
    registry.start()
    try:
        yield registry
        if registry.running:
            registry.stop()
    finally:
        registry.kill()
    log = registry.log.read_text(errors="replace")
    if not registry.may_fail:
        before, found, after = log.partition("Traceback (most recent call last)")
        assert not found, f"in the log:\n{before[-1000:]}{found}{after[:8000]}"
    shutil.rmtree(registry.data, ignore_errors=True)


def environment(settings: Mapping[str, str | int | bool | Path]) -> dict[str, str]:
    """Settings as the environment carries them."""
    return {
        f"ENTREPOT_{name.upper()}": str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in settings.items()
    }


def trusting(certificate: Path) -> ssl.SSLContext:
    """Trust what `entrepot tls init` made beside a server's certificate."""
    return ssl.create_default_context(cafile=certificate.with_name("ca.crt"))


_PORTS = range(16_000, 30_000)
"""Below those that the system gives to connections, which would else have one of these when a
server that was killed wants it again.
"""


def _share() -> Iterator[int]:
    """This process's ports, over and over: the others of a run have shares of their own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    shares = max(8, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    share = _PORTS[worker % shares :: shares]
    first = random.randrange(len(share))
    return itertools.cycle([*share[first:], *share[:first]])


_share_of_mine = _share()


def free_port() -> int:
    """A loopback port that nothing listens on right now, nor has for a while."""
    for port in _share_of_mine:
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is none")
