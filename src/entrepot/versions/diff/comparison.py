"""What differs between two images: layers, and whatever has a name and a value."""

from collections.abc import Mapping
from dataclasses import dataclass

from entrepot.versions.diff.image import Image, Layer


@dataclass(frozen=True, slots=True)
class Change:
    """Something that came, went, or has another value."""

    name: str
    old: str | None
    """None where it came."""
    new: str | None
    """None where it went."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Which both have, and which only one."""

    shared: tuple[Layer, ...]
    added: tuple[Layer, ...]
    removed: tuple[Layer, ...]


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    """What differs, by name."""
    names = sorted(old.keys() | new.keys())
    found = (Change(name, old.get(name), new.get(name)) for name in names)
    return [each for each in found if each.old != each.new]


def layers(old: Image, new: Image) -> Layers:
    """By digest, in the order of the images."""
    ours, theirs = ({each.digest for each in image.layers} for image in (old, new))
    return Layers(
        tuple(each for each in new.layers if each.digest in ours),
        tuple(each for each in new.layers if each.digest not in ours),
        tuple(each for each in old.layers if each.digest not in theirs),
    )
