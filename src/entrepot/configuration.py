"""Configuration: what the environment and the file say, before anybody has judged it."""

import difflib
import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PREFIX = "ENTREPOT_"
FILE = "entrepot.toml"

OTHERS = ("config", "context", "contexts", "url", "token")
"""Variables that are no settings of the server: they say where its file lies, and guide the CLI."""

# Kubernetes tells every pod of every Service in such variables; one may be called `entrepot`.
_of_kubernetes = re.compile(
    r"(\w+_)?(service_host|service_port(_\w+)?|port(_\d+_(tcp|udp|sctp)(_(proto|port|addr))?)?)"
).fullmatch


class SettingsError(Exception):
    """A setting is unknown or has a value that cannot be."""


def variables() -> dict[str, str]:
    """Settings in the environment: their names, and how they are written there."""
    found = {name[len(PREFIX) :].lower(): name for name in os.environ if name.startswith(PREFIX)}
    for name in OTHERS:
        found.pop(name, None)
    return {name: written for name, written in found.items() if not _of_kubernetes(name)}


def read(file: Path | None) -> dict[str, Any]:
    """What the file says: the one given, else entrepot.toml where there is one.

    Raises SettingsError.
    """
    named = file or (Path(text) if (text := os.environ.get(f"{PREFIX}CONFIG")) else None)
    path = named or Path(FILE)
    if named is None and not path.exists():
        return {}
    try:
        with path.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from None


def check_names(variables: dict[str, str], from_file: dict[str, Any], known: Sequence[str]) -> None:
    """Raise SettingsError for a setting that nobody knows, with the one that it is most like."""
    for name, written in {**{name: name for name in from_file}, **variables}.items():
        if name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
        meant = f"{PREFIX}{near.upper()}" if written.startswith(PREFIX) else near
        raise SettingsError(f"there is no setting {written}: did you mean {meant}?")
