"""`Spot`: a place in a workload's template where an image is written. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.oci.image_name import DOCKER, Image, ImageError

Document = dict[str, Any]

_FIELDS = ("initContainers", "containers")


class PlanError(Exception):
    """What is wished cannot be done so; the message says how it can."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A container of the template, and the image that it has."""

    field: str
    """`containers` or `initContainers`."""
    position: int
    container: str
    written: str
    """Its image, as it is written."""

    @property
    def path(self) -> str:
        """Where it lies in the workload, as JSON Pointer (RFC 6901) says it."""
        return f"/spec/template/spec/{self.field}/{self.position}"

    @property
    def image(self) -> Image | None:
        """What is written, read; None where it is no name of an image."""
        try:
            return Image.parse(self.written)
        except ImageError:
            return None


def spots(workload: Document) -> list[Spot]:
    """All of a workload."""
    spec = workload["spec"]["template"]["spec"]
    return [
        Spot(field, position, str(each["name"]), str(each.get("image", "")))
        for field in _FIELDS
        for position, each in enumerate(spec.get(field) or ())
    ]


def choose(
    found: Sequence[Spot], names: Sequence[str], repository: str, host: str
) -> tuple[list[Spot], str]:
    """The containers that are meant, and the repository that their image is to come from.

    Those that are named; else the one with an image of the repository; where none is said either,
    the only one, or the only one with an image of the registry at `host`. Raises `PlanError`.
    """
    if names:
        chosen = [_named(found, name) for name in names]
    elif repository:
        chosen = _one([each for each in found if _repository(each) == repository], found)
    else:
        ours = [each for each in found if each.image and each.image.host == host]
        chosen = _one(found if len(found) == 1 else ours, found)
    return chosen, repository or _shared(chosen)


def _named(found: Sequence[Spot], name: str) -> Spot:
    for each in found:
        if each.container == name:
            return each
    raise PlanError(f"there is no container {name}; there is {_told(found)}")


def _one(fitting: Sequence[Spot], found: Sequence[Spot]) -> list[Spot]:
    if len(fitting) == 1:
        return list(fitting)
    many = "several containers may be" if fitting else "no container is surely"
    raise PlanError(f"{many} meant: say --container, there is {_told(fitting or found)}")


def _told(found: Sequence[Spot]) -> str:
    """Whoever makes workloads may write nearly anything there; no terminal is led astray by it."""
    text = ", ".join(f"{each.container} ({each.written})" for each in found)
    return text if text.isprintable() else ascii(text)[1:-1]


def _repository(spot: Spot) -> str:
    return spot.image.repository if spot.image else ""


def _shared(chosen: Sequence[Spot]) -> str:
    names = {_repository(each) for each in chosen}
    if len(names) > 1 or not all(names):
        raise PlanError(f"say --repository: the images are {_told(chosen)}")
    return names.pop()


def host_for(spot: Spot, repository: str, host: str) -> str:
    """What the new image begins with: the name by which the present one calls the registry, where
    it is of the same repository; else `host`. Nothing of ours comes from Docker Hub.
    """
    image = spot.image
    same = image is not None and image.repository == repository and image.host != DOCKER
    return image.host if image and same else host
