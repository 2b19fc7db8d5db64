"""What all clients have in common: push an image and pull one, as `test_across.py` needs it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.clients.image import Image
from tests.tools import SEARCH


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a client says it got."""

    digest: str
    """Of the manifest, in the client's own words."""
    random: bytes
    """The file `/random` of the image."""


class Client(Protocol):
    """A real client; a reference is `address/repository:tag` or `…@digest`."""

    def push(self, image: Image, reference: str) -> str:
        """Push; the digest that the client says it pushed."""
        ...

    def pull(self, reference: str) -> Pulled:
        """Pull into the client's own storage."""
        ...


def isolated(home: Path) -> dict[str, str]:
    """An environment in which a client finds no configuration of the machine's or the user's."""
    home.mkdir(parents=True, exist_ok=True)
    temporary = home / "tmp"
    temporary.mkdir()
    nothing = home / "nothing.conf"
    nothing.touch()
    logins = home / "docker" / "config.json"
    logins.parent.mkdir()
    logins.write_text("{}")
    return {
        "PATH": SEARCH,
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "XDG_RUNTIME_DIR": str(temporary),
        "DOCKER_CONFIG": str(logins.parent),
        "CONTAINERS_CONF": str(nothing),
        "CONTAINERS_REGISTRIES_CONF": str(nothing),
        "HELM_CACHE_HOME": str(home / "helm"),
    }
