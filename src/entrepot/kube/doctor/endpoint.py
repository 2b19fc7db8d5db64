"""`Endpoint`: where a runtime asks for an image: the registry itself, or a mirror of it."""

from dataclasses import dataclass, replace
from typing import Self

from entrepot.oci.image_name import Image


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One, with what the node trusts there."""

    server: str
    """HOST[:PORT]."""
    repository: str
    """What the image is called there."""
    prefix: str = "/v2"
    plain: bool = False
    """Whether the node asks it by http://."""
    ca: str = ""
    """PEM of what is trusted besides the node's own."""
    ca_names: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    """Files of its configuration that are not among those that are looked at."""
    unverified: bool = False
    """Whether the node takes any certificate there."""
    namespace: str = ""
    """The registry that it stands for, where it is told of it (`?ns=`)."""
    tags: bool = True
    """Whether it is asked for tags, and not for parts alone."""
    digests: bool = True
    """Whether it is asked for what is pinned."""
    foreign: bool = False
    """Whether the runtime keeps the pod's password from it."""

    pins: bool = False
    """Whether the rest has to come from it, once the manifest did."""

    @classmethod
    def of(cls, image: Image) -> Self:
        """Where there are no mirrors."""
        return cls(image.server, image.repository)

    @property
    def base(self) -> str:
        """What paths are asked below."""
        return f"{'http' if self.plain else 'https'}://{self.server}{self.prefix}"

    @property
    def is_safe(self) -> bool:
        """Whether a password may go there, as far as the node's configuration goes."""
        return not (self.plain or self.unverified or self.foreign)

    def takes(self, image: Image) -> bool:
        """Whether it is asked for the manifest that a pod names."""
        return self.digests if image.by_digest else self.tags

    def image(self, image: Image) -> Image:
        """The image by its name there."""
        return replace(image, repository=self.repository)
