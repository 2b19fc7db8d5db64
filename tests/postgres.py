"""A real PostgreSQL server for tests: Debian's, in a folder of its own, on a loopback port.

Each test gets a database of its own. The server will not run as root, so there it runs as nobody.
"""

import getpass
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from tests.registry import free_port
from tests.tools import lacking

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_USER = "nobody"


@dataclass
class Postgres:
    """A running server."""

    folder: Path
    port: int

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://entrepot@127.0.0.1:{self.port}/{database}"

    def new(self) -> str:
        """The address of a new, empty database; whatever its own order, ours is by bytes."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute(f'create database {name} template template0 encoding "UTF8"')
        return self.url(name)

    def drop(self, url: str) -> None:
        name = url.rpartition("/")[2]
        with psycopg.connect(self.url(), autocommit=True) as db:
            db.execute(f"drop database if exists {name} with (force)")

    def ctl(self, *words: str) -> None:
        """pg_ctl; `stop -m immediate` is what a power cut looks like."""
        program = [str(_BINARIES[-1] / "pg_ctl"), "-D", str(self.folder / "data"), "-w"]
        log = self.folder / "log"
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder}"
        extra = ["-l", str(log), "-o", options] if words[0] in ("start", "restart") else []
        _run([*program, *extra, *words])


@contextmanager
def running() -> Iterator[Postgres]:
    """A server for as long as the block lasts."""
    if not _BINARIES:
        lacking("no PostgreSQL on this machine: run .ci/tools as root, it installs it")
    folder = Path(tempfile.mkdtemp(prefix="entrepot-postgres-"))
    if os.getuid() == 0:
        owner = pwd.getpwnam(_USER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    server = Postgres(folder, free_port())
    initdb = [str(_BINARIES[-1] / "initdb"), "-D", str(folder / "data"), "-U", "entrepot"]
    _run([*initdb, "--auth=trust", "--encoding=UTF8", "--no-sync", "--locale=C.UTF-8"])
    settings = (
        "max_connections = 200\nsynchronous_commit = on\nfsync = off\nfull_page_writes = off\n"
    )
    with (folder / "data" / "postgresql.conf").open("a") as file:
        file.write(settings)
    server.ctl("start")
    try:
        yield server
    finally:
        server.ctl("stop", "-m", "immediate")
        shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str]) -> None:
    user = _USER if getpass.getuser() == "root" else None
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=240, cwd="/", check=False, user=user
    )
    assert done.returncode == 0, done.stderr + done.stdout
