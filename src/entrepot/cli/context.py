"""Contexts: the registries that this person has logged in to, in one file that only they can read.

`ENTREPOT_URL` and `ENTREPOT_TOKEN` go before the file: so CI needs no login. Which of several
registries is meant say `--context`, `ENTREPOT_CONTEXT`, or the last login.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from entrepot.cli.options import fail


@dataclass(frozen=True, slots=True)
class Context:
    """A registry, and how to come in there."""

    name: str
    url: str
    token: str
    subject: str = ""
    """Who logged in."""
    ca: str | None = None
    """A file with the registry's private CA."""


def path() -> Path:
    """Where the file lies."""
    if named := os.environ.get("ENTREPOT_CONTEXTS"):
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "entrepot" / "contexts.json"


def read() -> tuple[str, dict[str, Context]]:
    """The name of the one in use, and all of them by name."""
    try:
        document = json.loads(path().read_text())
        found = {
            name: Context(name=name, **fields) for name, fields in document["contexts"].items()
        }
        return document["current"], found
    except FileNotFoundError:
        return "", {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        fail(f"cannot read {path()}: {error}; mend it, or remove it and log in again")


def write(current: str, contexts: dict[str, Context]) -> None:
    """Replace the file; nobody ever sees half of it, and nobody else can read it."""
    target = path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    document = {"current": current, "contexts": {name: _fields(c) for name, c in contexts.items()}}
    descriptor, made = tempfile.mkstemp(dir=target.parent, prefix=".contexts-")
    with open(descriptor, "w") as stream:  # noqa: PTH123 - a descriptor
        json.dump(document, stream, indent=2)
    Path(made).rename(target)


def _fields(context: Context) -> dict[str, Any]:
    fields = asdict(context)
    del fields["name"]
    return fields


def chosen(name: str | None) -> Context:
    """The context that a command is to use."""
    url, token = os.environ.get("ENTREPOT_URL"), os.environ.get("ENTREPOT_TOKEN")
    if url and not name:
        return Context(url, parse_url(url), token or "")
    current, contexts = read()
    wanted = name or os.environ.get("ENTREPOT_CONTEXT") or current
    if not wanted:
        fail("log in first: entrepot login URL -u NAME")
    if wanted not in contexts:
        known = ", ".join(contexts) or "none"
        fail(f"there is no context {wanted} (known: {known}): entrepot login URL -u NAME")
    return contexts[wanted]


def parse_url(text: str) -> str:
    """A registry's address; without a scheme https, or http on this machine."""
    if "://" not in text:
        host = text.partition("/")[0].rpartition(":")[0] or text
        local = host in ("localhost", "127.0.0.1", "[::1]")
        text = f"{'http' if local else 'https'}://{text}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        fail(f"{text} is no registry's address: write https://HOST[:PORT]")
    if parts.username or parts.password:
        fail("give the name by -u and the password by --password-stdin, not in the address")
    return f"{parts.scheme}://{parts.netloc}"
