"""Where keys come from; whatever goes wrong is told, and tells no key."""

import os
import shlex
import sys
from pathlib import Path

import pytest

from entrepot.encryption import source
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.encryption.source import SourceError

NEW, OLD = MasterKey.new(), MasterKey.new()
RING = Keyring((NEW, OLD))
TEXT = f"# the ring\n{NEW.line}\n{OLD.line}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text(TEXT)
    path.chmod(0o600)
    return path


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def test_text() -> None:
    assert source.from_text(f"{NEW.line},{OLD.line}") == source.from_text(TEXT) == RING


def test_file(file: Path) -> None:
    assert source.from_file(file) == RING


def test_command(file: Path) -> None:
    assert source.from_command(f"cat '{file}'") == RING


def test_whichever_was_given(file: Path) -> None:
    assert source.load(None, None, "") == Keyring()
    assert source.load(TEXT, None, "") == RING
    assert source.load(None, file, "") == RING
    assert source.load(None, None, f"cat '{file}'") == RING


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640], ids=oct)
def test_modes_that_are_enough(file: Path, mode: int) -> None:
    """The group may read: so Kubernetes mounts a secret for a process that is not root."""
    file.chmod(mode)
    assert source.from_file(file) == RING


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o620, 0o666], ids=oct)
def test_loose_modes(file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(SourceError, match=f"chmod 600 {file}"):
        source.from_file(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        source.from_file(tmp_path / "none")


def test_malformed_files_tell_the_line_alone(file: Path) -> None:
    file.write_text(f"{NEW.line}\n{OLD.line}x\n")
    with pytest.raises(SourceError, match="line 2") as caught:
        source.from_file(file)
    assert OLD.line[12:40] not in str(caught.value)
    file.write_bytes(os.urandom(100) + b"\xff")
    with pytest.raises(SourceError, match="no text"):
        source.from_file(file)


COMMANDS = {
    "fails": ("import sys; sys.exit('the vault is closed')", "failed with 1: the vault is closed"),
    "fails silently": ("import sys; sys.exit(3)", "failed with 3: it said nothing"),
    "prints nothing": ("", "there is no key"),
    "prints no key": ("print('Planted' * 5)", "line 1: "),
    "prints and fails": ("print('Planted' * 5); raise SystemExit(2)", "failed with 2"),
}


@pytest.mark.parametrize(("code", "why"), COMMANDS.values(), ids=COMMANDS)
def test_commands_that_fail(code: str, why: str) -> None:
    with pytest.raises(SourceError, match=why) as caught:
        source.from_command(python(code))
    assert "Planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "why"),
    [("/nowhere/at-all", "No such file"), ("a 'b", "not written well"), (" ", "cannot be run")],
)
def test_no_commands(command: str, why: str) -> None:
    with pytest.raises(SourceError, match=why):
        source.from_command(command)


def test_a_command_that_does_not_end() -> None:
    with pytest.raises(SourceError, match=r"within 0\.2 s"):
        source.from_command(python("import time; time.sleep(60)"), seconds=0.2)


def test_there_is_no_shell(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        source.from_command(f"echo x > {tmp_path}/made; touch {tmp_path}/made")
    assert not (tmp_path / "made").exists()
