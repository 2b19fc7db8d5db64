"""`Image`: where the name of an image in a pod leads to, by Docker's rules.

Source: distribution/reference, `ParseDockerRef`; the kubelet adds `:latest` where nothing is said.
"""

import re
from dataclasses import dataclass
from typing import Self

from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository, parse_reference

DOCKER = "docker.io"
_DOCKER_SERVER = "registry-1.docker.io"
_DOCKER_NAMES = {DOCKER, "index.docker.io"}

_identifier = re.compile(r"[0-9a-f]{64}").fullmatch
_host = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
    r"|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?"
).fullmatch


class ImageError(Exception):
    """Why it is no name of an image."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image of a registry."""

    host: str
    """With its port, where one is said."""
    repository: str
    reference: str
    """A tag or a digest; the digest where both are said."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what a pod says. Raises `ImageError`."""
        if _identifier(text):
            raise ImageError("it is the ID of an image, which no registry can be asked for")
        rest, _, digest = text.partition("@")
        name, tag = _split_tag(rest)
        host, repository = _split_host(name)
        try:
            Repository.parse(repository)
            for each in (part for part in (tag, digest) if part):
                parse_reference(each)
        except OCIError as error:
            raise ImageError(error.message) from None
        if (tag == "" and rest.endswith(":")) or (not digest and "@" in text):
            raise ImageError("it ends where a tag or a digest has to follow")
        return cls(host, repository, digest or tag or "latest")

    @property
    def by_digest(self) -> bool:
        """Whether it is pinned."""
        return ":" in self.reference

    @property
    def server(self) -> str:
        """Whom to ask."""
        return _DOCKER_SERVER if self.host == DOCKER else self.host

    @property
    def name(self) -> str:
        """What secrets are matched with."""
        return f"{self.host}/{self.repository}"

    def __str__(self) -> str:
        return f"{self.name}{'@' if self.by_digest else ':'}{self.reference}"


def _split_tag(text: str) -> tuple[str, str]:
    """A colon before the last slash is of a port."""
    head, slash, last = text.rpartition("/")
    name, _, tag = last.partition(":")
    return f"{head}{slash}{name}", tag


def _split_host(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if not slash or not (set(".:[") & set(first) or first == "localhost" or first.lower() != first):
        first, rest = DOCKER, name
    if not _host(first):
        raise ImageError(f"{first!r} is no host: write HOST[:PORT]/REPOSITORY, without https://")
    if int(first.rpartition("]")[2].partition(":")[2] or 0) > 65535:
        raise ImageError(f"{first!r} has a port that there is not: they end with 65535")
    host = DOCKER if first in _DOCKER_NAMES else first
    return host, rest if host != DOCKER or "/" in rest else f"library/{rest}"
