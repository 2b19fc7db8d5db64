"""What all clients have in common: push an image and pull one, as `test_across.py` needs it."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.accounts import Credential
from tests.clients.image import Image
from tests.tools import SEARCH, run

from entrepot.auth.ca_folder import Pair


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a client says it got."""

    digest: str
    """Of the manifest, in the client's own words."""
    random: bytes
    """The file `/random` of the image."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How a client comes to a registry over TLS: whom it trusts there, and what it shows."""

    address: str
    ca: Path
    pair: Pair | None = None
    """A client certificate, and its key."""

    def install(self, folder: Path) -> None:
        """Put it where docker, podman and others look, each in a folder of its own."""
        place = folder / self.address
        place.mkdir(parents=True)
        shutil.copy(self.ca, place / "ca.crt")
        if self.pair is not None:
            shutil.copy(self.pair.cert, place / "client.cert")
            shutil.copy(self.pair.key, place / "client.key")

    @property
    def options(self) -> list[str]:
        """The same as options, as oras and helm have them."""
        shown = (
            []
            if self.pair is None
            else ["--cert-file", str(self.pair.cert), "--key-file", str(self.pair.key)]
        )
        return ["--ca-file", str(self.ca), *shown]


class Client(Protocol):
    """A real client; a reference is `address/repository:tag` or `…@digest`."""

    def login(self, address: str, credential: Credential) -> None:
        """Log in; what follows is done as whoever that is."""
        ...

    def logout(self, address: str) -> None:
        """Forget who that was."""
        ...

    def push(self, image: Image, reference: str) -> str:
        """Push; the digest that the client says it pushed."""
        ...

    def pull(self, reference: str) -> Pulled:
        """Pull into the client's own storage."""
        ...


def log_in(
    command: Sequence[str | Path],
    options: Sequence[str],
    credential: Credential,
    env: Mapping[str, str],
) -> None:
    """`login`, as nearly all of them have it."""
    who = ["--username", credential.name, "--password-stdin"]
    run(*command, "login", *who, *options, env=env, text=credential.secret)


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
