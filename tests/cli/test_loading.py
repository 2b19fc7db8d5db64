"""What a start loads of all that is large: by name, so it is the same on every machine.

Python tells of each import once it is done, on standard error, where the server's log goes too.
"""

import sys
import time
from pathlib import Path

import pytest
from tests.cli.command import entrepot
from tests.registry import StartRegistry
from tests.tools import run

from entrepot.db import place

LARGE = {
    "alembic",
    "argon2",
    "asyncio",
    "boto3",
    "cryptography",
    "fastapi",
    "httpx2",
    "joserfc",
    "kopf",
    "lightkube",
    "nodesemver",
    "obstore",
    "psycopg",
    "rich",
    "sigstore",
    "sqlalchemy",
    "ssl",
    "uvicorn",
    "yaml",
}
DATA = "--data data"
SEALED = "--key-file keys"
COMMANDS = {
    "version": [],
    "backup --help": ["rich"],
    f"check {DATA}": [],
    f"backup create to {DATA}": [],
    f"backup create to {DATA} {SEALED}": ["cryptography"],
    "backup list data": [],
    "whoami": ["httpx2", "ssl"],
}
ENVIRONMENT = {
    "ENTREPOT_TOKEN": "x",
    "ENTREPOT_URL": "http://127.0.0.1:1",
    "PYTHONPROFILEIMPORTTIME": "1",
}


def loaded(said: str) -> list[str]:
    """The large modules that Python told of."""
    lines = [line for line in said.splitlines() if line.startswith("import time:")]
    assert lines
    return sorted(LARGE & {line.rpartition("|")[2].strip() for line in lines})


@pytest.mark.parametrize(("command", "wanted"), COMMANDS.items(), ids=COMMANDS)
def test_a_command(command: str, wanted: list[str], tmp_path: Path) -> None:
    place.find(tmp_path / "data").prepare()
    keys = tmp_path / "keys"
    keys.write_text("0123456789abcdef" * 4)
    keys.chmod(0o600)
    done = entrepot(*command.split(), cwd=tmp_path, **ENVIRONMENT)
    assert loaded(done.error) == wanted


def test_a_server(start_registry: StartRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it serves it loads what signs tokens, and then the upkeep; at the first start it made a
    password and a key, and this is as all that follow.
    """
    registry = start_registry(dangerously_without_accounts=False)
    registry.stop()
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    registry.log.unlink()
    registry.afresh = True
    registry.start()
    deadline = time.monotonic() + 60
    while _UPKEEP not in (said := registry.log.read_text()):
        assert time.monotonic() < deadline, said[-1000:]
        time.sleep(0.05)
    before, _, after = said.partition(" serves")
    assert loaded(before) == ["asyncio", "ssl", "uvicorn"]
    assert loaded(after.partition(_UPKEEP)[0]) == ["cryptography", "joserfc"]


_UPKEEP = " entrepot.app.upkeep\n"

_TELLS = """
import atexit, gc
atexit.register(lambda: print(gc.get_freeze_count() > 0))
from entrepot import cli
from entrepot.cli import kube_doctor
cli.{program}()
"""


@pytest.mark.parametrize("program", ["main", "kube_doctor.plugin"])
def test_at_its_end_a_command_looks_for_no_garbage(program: str) -> None:
    """In all that it imported; to look was a sixth of what the shortest commands take."""
    code = _TELLS.format(program=program)
    assert run(sys.executable, "-c", code, "--help").stdout.endswith("\nTrue\n")
