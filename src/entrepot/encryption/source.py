"""Where master keys come from: the environment, a file, or a command that asks a vault.

Nothing that goes wrong here tells a key: of a command only what it wrote to stderr is told, and
of a line only its number. This is the only module of the room that touches anything outside.
"""

import os
import shlex
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from entrepot.encryption.keys import Keyring, MalformedKeyError

SECONDS = 30.0
"""That a command has to print the keys."""

_LARGEST = 64 * 1024
_TOLD = 500
"""Characters of a command's stderr that an error repeats."""


class SourceError(Exception):
    """The keys cannot be had; the message says what to do."""


def load(text: str | None, file: Path | None, command: str) -> Keyring:
    """The keys of whichever of these was given; a ring without any where none was.

    Raises `SourceError`.
    """
    if text is not None:
        return from_text(text)
    if file is not None:
        return from_file(file)
    return from_command(command) if command else Keyring()


def from_text(text: str) -> Keyring:
    """Keys as they are written, one a line or with commas between them. Raises `SourceError`."""
    return _read("encryption_key", lambda: text.replace(",", "\n"))


def from_file(path: Path) -> Keyring:
    """Keys in a file that its owner and, as Kubernetes mounts secrets, its group may read.

    Raises `SourceError`.
    """
    return _read(f"encryption_key_file {path}", lambda: _content(path))


def from_command(command: str, seconds: float = SECONDS) -> Keyring:
    """Keys that a command prints; it is run without a shell. Raises `SourceError`."""
    return _read("encryption_key_command", lambda: _output(command, seconds))


def _read(name: str, text: Callable[[], str]) -> Keyring:
    try:
        return Keyring.parse(text())
    except UnicodeDecodeError:
        raise SourceError(f"{name}: this is no text") from None
    except MalformedKeyError as error:
        raise SourceError(f"{name}: {error}") from None


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(_LARGEST)
    except OSError as error:
        raise SourceError(f"cannot read encryption_key_file {path}: {error.strerror}") from None
    if mode & (stat.S_IWGRP | stat.S_IRWXO):
        raise SourceError(
            f"others may read or change encryption_key_file {path} (its mode is {mode:04o}): "
            f"chmod 600 {path}"
        )
    return content.decode()


def _output(command: str, seconds: float) -> str:
    try:
        words = shlex.split(command)
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except ValueError as error:
        raise SourceError(f"encryption_key_command is not written well: {error}") from None
    except subprocess.TimeoutExpired:
        raise SourceError(f"encryption_key_command has not ended within {seconds:g} s") from None
    except (OSError, IndexError) as error:
        raise SourceError(f"encryption_key_command cannot be run: {error}") from None
    if done.returncode:
        said = done.stderr[-_TOLD:].decode("utf-8", "replace").strip()
        raise SourceError(
            f"encryption_key_command failed with {done.returncode}: {said or 'it said nothing'}"
        )
    return done.stdout[:_LARGEST].decode()
