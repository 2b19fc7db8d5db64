"""`Copies`: the places that have an image besides the one it is named after, in order.

Whoever configures nodes and whoever tries it out go by the same order, `Copies.of`: the primary,
its replicas, caches, and at last the registry itself, where none of these is it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from entrepot.addresses import is_this_machine
from entrepot.oci.image_name import DOCKER, Image, ImageError
from entrepot.upstream.place import UpstreamError


class Role(StrEnum):
    """What a place is to an image."""

    PRIMARY = "primary"
    REPLICA = "replica"
    CACHE = "cache"
    UPSTREAM = "upstream"
    """The registry that the image's name says, as the last resort."""


@dataclass(frozen=True, slots=True)
class Registry:
    """What images begin with: HOST[:PORT], and a path where not all of it is meant."""

    host: str
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it. Raises `UpstreamError`."""
        try:
            image = Image.parse(f"{text}/x")
        except ImageError as error:
            raise UpstreamError(f"{text!r} is no HOST[:PORT][/PATH]: {error}") from None
        host, _, path = text.partition("/")
        if text == DOCKER:
            return cls(text)
        if f"{image.host}/{image.repository}" != f"{text}/x":
            raise UpstreamError(f"{text!r} is no HOST[:PORT][/PATH]: {host!r} has no dot, no port")
        return cls(host, path)

    @property
    def server(self) -> str:
        """Whom to ask."""
        return Image(self.host, "", "").server

    def __str__(self) -> str:
        return f"{self.host}/{self.path}" if self.path else self.host


@dataclass(frozen=True, slots=True)
class Copy:
    """A place, and what it is."""

    role: Role
    at: Registry

    def repository(self, image: Image) -> str:
        """What an image is called there; which registry it is of is told besides."""
        return f"{self.at.path}/{image.repository}" if self.at.path else image.repository

    def __str__(self) -> str:
        return str(self.at)


@dataclass(frozen=True, slots=True)
class Copies:
    """Those that a command line names."""

    primary: Registry | None = None
    """None where that is the registry itself."""
    replicas: tuple[Registry, ...] = ()
    caches: tuple[Registry, ...] = ()
    cache_first: bool = False
    sealed: bool = False
    """Whether the registry itself is not asked, unless it is named."""

    def __post_init__(self) -> None:
        main = (*((self.primary,) if self.primary else ()), *self.replicas)
        for named in (main, self.caches):
            if twice := {str(each) for each in named if named.count(each) > 1}:
                raise UpstreamError(f"{min(twice)} is named twice: it is asked once")

    def __bool__(self) -> bool:
        return any(self._named())

    def of(self, upstream: Registry) -> tuple[Copy, ...]:
        """In the order in which they are asked for an image of a registry.

        Who names replicas and no primary means replicas of the registry itself. A replica that is
        a cache, too, is the one or the other to an image.
        """
        itself = Registry(upstream.host)
        first = self.primary or (itself if self.replicas and not self.sealed else None)
        main = [Copy(Role.PRIMARY, first)] if first else []
        main += [Copy(Role.REPLICA, each) for each in self.replicas if each != first]
        copies = {each.at for each in main}
        near = [Copy(Role.CACHE, each) for each in self.caches if each not in copies]
        found = [*near, *main] if self.cache_first else [*main, *near]
        if not self.sealed and all(each.at != itself for each in found):
            found.append(Copy(Role.UPSTREAM, itself))
        return tuple(found)

    def _named(self) -> Iterator[Registry]:
        yield from (self.primary,) if self.primary else ()
        yield from (*self.replicas, *self.caches)


@dataclass(frozen=True, slots=True)
class Trust:
    """How places are asked: by TLS, with which CA, or without."""

    ca: str = ""
    """PEM of a CA that is trusted at each place that is named, besides the usual ones."""
    plain: tuple[str, ...] = ()
    """Hosts that are asked without TLS."""

    def is_plain(self, copy: Copy) -> bool:
        """As docker has it, one on the same machine is, too, where no CA is said."""
        return copy.at.host in self.plain or (not self.ca and is_this_machine(copy.at.host))

    def has_ca(self, copy: Copy) -> bool:
        """Whether the CA is for it: the registry itself is known anyway, as a last resort."""
        return bool(self.ca) and copy.role != Role.UPSTREAM and not self.is_plain(copy)
