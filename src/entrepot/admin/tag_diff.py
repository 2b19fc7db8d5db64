"""What differs between two images of a repository: layers, configuration, packages.

Whoever may pull may look: all of it is in what they pull, values of the environment too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator

from entrepot.admin.caller import Called
from entrepot.admin.page import Model, printable
from entrepot.admin.problem import Problem
from entrepot.admin.tags import Where
from entrepot.auth.roles import Action
from entrepot.blobstore.store import Store
from entrepot.db.connection import Connection
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository
from entrepot.versions.diff import comparison, image
from entrepot.versions.diff.document import UnreadableError
from entrepot.versions.diff.image import Image, Index
from entrepot.versions.diff.inspection import Bill, Inspection, UnknownError

router = APIRouter(prefix="/tags", tags=["tags"])

Name = Annotated[
    str,
    Query(max_length=300, description="A tag, a digest, or 1.2~1: what it was one move before."),
    AfterValidator(printable),
]


class Side(Model):
    """One of the two."""

    name: str
    """As it was asked for."""
    digest: str
    image: str
    """The digest of the image for the platform; the same, where there is no index."""
    size: int
    """Bytes of the image's manifest, configuration and layers."""


class Change(Model):
    """Something that came, went, or has another value."""

    name: str
    old: str | None
    """Null where it came."""
    new: str | None
    """Null where it went."""


class Layer(Model):
    """A layer; its size in bytes, as it is sent."""

    digest: str
    size: int
    made_by: str
    """The build's instruction, where the configuration tells."""


class Layers(Model):
    """Which both have, and which only one."""

    shared: list[Layer]
    added: list[Layer]
    removed: list[Layer]


class Packages(Model):
    """Packages, where both have an SBOM that can be read."""

    old: str | None
    """The digest by which the older one's SBOM is attached."""
    new: str | None
    changes: list[Change] | None
    """Null where they are not known."""
    trouble: str
    """Why they are not, where there is an SBOM."""


class Diff(Model):
    """What differs."""

    repository: str
    platform: str | None
    """Which images of the two indexes; null where neither is one."""
    old: Side
    new: Side
    platforms: list[Change]
    """Of indexes, with the digests of their images."""
    layers: Layers
    configuration: list[Change]
    environment: list[Change]
    labels: list[Change]
    annotations: list[Change]
    packages: Packages


@dataclass(frozen=True, slots=True)
class _Found:
    """What a name means."""

    name: str
    digest: str
    manifest: Manifest
    index: Index | None


@router.get("/diff")
async def diff(
    caller: Called,
    repository: Where,
    old: Name,
    new: Name,
    platform: Annotated[
        str, Query(max_length=100, description="linux/arm64; else linux/amd64, or the only one.")
    ] = "",
) -> Diff:
    """What differs between two images, of two indexes those for one platform."""
    where = Repository(repository)
    await caller.allow(Action.PULL, where)
    registry = caller.registry

    def look(db: Connection) -> Diff:
        return _compare(db, registry.store, where, (old, new), platform)

    try:
        async with registry.reading:
            return await registry.database.scan(look)
    except UnknownError as error:
        raise Problem(404, str(error)) from None
    except UnreadableError as error:
        raise Problem(422, str(error)) from None


def _compare(
    db: Connection, store: Store, where: Repository, names: tuple[str, str], wanted: str
) -> Diff:
    inspection = Inspection(db, store, where)
    found = [_find(inspection, name) for name in names]
    platform = _platform(found, wanted)
    chosen = [_choose(inspection, each, platform) for each in found]
    images = [inspection.image(manifest) for manifest in chosen]
    bills = [_bill(inspection, *each) for each in zip(found, chosen, strict=True)]
    old, new = images
    layers = comparison.layers(old, new)
    sides = [_side(*each) for each in zip(found, chosen, images, strict=True)]
    return Diff(
        repository=where.name,
        platform=platform or None,
        old=sides[0],
        new=sides[1],
        platforms=_changes(*(each.index.platforms if each.index else {} for each in found)),
        layers=Layers(
            shared=[_layer(each) for each in layers.shared],
            added=[_layer(each) for each in layers.added],
            removed=[_layer(each) for each in layers.removed],
        ),
        configuration=_changes(old.configuration, new.configuration),
        environment=_changes(old.environment, new.environment),
        labels=_changes(old.labels, new.labels),
        annotations=_changes(old.annotations, new.annotations),
        packages=_packages(*bills),
    )


def _find(inspection: Inspection, name: str) -> _Found:
    digest = inspection.digest(name)
    manifest = inspection.manifest(digest)
    return _Found(name, digest, manifest, inspection.index(manifest))


def _platform(found: list[_Found], wanted: str) -> str:
    """For which the images are, where one of them is in an index."""
    known = [each.index.platforms.keys() for each in found if each.index]
    return image.choose(known[0], known[-1], wanted) if known else ""


def _choose(inspection: Inspection, found: _Found, platform: str) -> Manifest:
    if found.index is None:
        return found.manifest
    return inspection.manifest(found.index.platforms[platform])


def _bill(inspection: Inspection, found: _Found, chosen: Manifest) -> Bill:
    digest = str(chosen.digest)
    attested = found.index.attested.get(digest, "") if found.index else ""
    return inspection.bill(digest, found.digest, attested)


def _side(found: _Found, chosen: Manifest, read: Image) -> Side:
    return Side(name=found.name, digest=found.digest, image=str(chosen.digest), size=read.size)


def _layer(layer: image.Layer) -> Layer:
    return Layer(digest=layer.digest, size=layer.size, made_by=_unicode(layer.made_by))


def _changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    return [
        Change(
            name=_unicode(each.name),
            old=each.old if each.old is None else _unicode(each.old),
            new=each.new if each.new is None else _unicode(each.new),
        )
        for each in comparison.changes(old, new)
    ]


def _unicode(text: str) -> str:
    """JSON may name halves of a character, which cannot be sent on."""
    return text.encode(errors="replace").decode()


def _packages(old: Bill, new: Bill) -> Packages:
    known = old.packages is not None and new.packages is not None
    return Packages(
        old=old.digest or None,
        new=new.digest or None,
        changes=_changes(old.packages or {}, new.packages or {}) if known else None,
        trouble="; ".join(each.trouble for each in (old, new) if each.trouble),
    )
