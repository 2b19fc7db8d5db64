"""`Pair`: an image to copy and where to; which of them a command line means."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.oci.errors import OCIError
from entrepot.oci.image_name import Image, ImageError
from entrepot.oci.names import parse_reference

if TYPE_CHECKING:
    from entrepot.upstream.opened import At


@dataclass(frozen=True, slots=True)
class Pair:
    """An image to copy."""

    source: "At"
    target: "At"

    @property
    def tag(self) -> str:
        """What it is to be called there; a digest calls itself."""
        is_digest = not self.target.kind and ":" in self.target.name
        return "" if is_digest else self.target.name


def pairs(sources: "Sequence[At]", target: str) -> list[Pair]:
    """Where each goes. A target that ends with / is for many; so is a folder or an archive.

    Raises `UpstreamError`.
    """
    from entrepot.upstream.opened import At

    if target.endswith("/") and not At.parse(f"{target}x").kind:
        base = At.parse(f"{target}x").where[:-1]
        return [Pair(each, _below(base, each)) for each in sources]
    at = At.parse(target)
    return [Pair(each, _exact(at, each)) for each in sources]


def _exact(at: "At", source: "At") -> "At":
    from entrepot.upstream.opened import At

    if at.kind:
        return At(at.kind, at.where, at.name or full_name(source))
    return At("", at.where, at.name or _reference(source) or "latest")


def _reference(source: "At") -> str:
    """What it is called within its repository. Raises `UpstreamError`."""
    from entrepot.upstream.place import UpstreamError

    try:
        return str(parse_reference(source.name)) if source.name else ""
    except OCIError:
        pass
    try:
        return Image.parse(source.name).reference
    except ImageError:
        raise UpstreamError(f"{source} says no tag: name one in the target") from None


def _below(base: str, source: "At") -> "At":
    from entrepot.upstream.opened import At
    from entrepot.upstream.place import UpstreamError

    name = full_name(source)
    try:
        if not {":", "/"} & set(name):
            raise ImageError("it is a mere tag")
        image = Image.parse(name)
    except ImageError:
        raise UpstreamError(f"{source} says no repository: name one in the target") from None
    return At("", f"{base}{image.repository}", image.reference)


def full_name(source: "At") -> str:
    """HOST/REPOSITORY:TAG, or what an archive calls it."""
    if source.kind or source.name:
        return source.name if source.kind else str(source)
    return f"{source.where}:latest"
