"""Packages of an image, from the bill of materials (SBOM) that was attached to it.

Sources: SPDX 2.3 as JSON; CycloneDX 1.x as JSON; in-toto's Statement, which may hold either.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from entrepot.versions.diff.document import UnreadableError, objects, text

Packages = Mapping[str, str]
"""By name, the version; versions, where there are several of a package."""

_PREDICATE = "in-toto.io/predicate-type"


def is_sbom(descriptor: Mapping[str, Any]) -> bool:
    """Whether what a descriptor points to says that it is a bill of materials, as JSON."""
    annotations = descriptor.get("annotations") or {}
    types = f"{descriptor.get('mediaType')} {annotations.get(_PREDICATE)}".lower()
    return ("spdx" in types or "cyclonedx" in types) and "xml" not in types


def read(document: Mapping[str, Any]) -> Packages:
    """The packages of an SBOM. Raises `UnreadableError` where it is of a kind nobody knows."""
    inner = document.get("predicate")
    if text(document.get("predicateType")) and isinstance(inner, dict):
        document = inner
    if text(document.get("spdxVersion")).startswith("SPDX-2"):
        found = _spdx(document)
    elif document.get("bomFormat") == "CycloneDX":
        found = _cyclonedx(document)
    else:
        raise UnreadableError("it is neither SPDX 2 nor CycloneDX")
    versions = defaultdict[str, set[str]](set)
    for name, version in found:
        versions[name].add(version)
    return {name: ", ".join(sorted(each)) for name, each in versions.items() if name}


def _spdx(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """All packages but the one that stands for the image itself."""
    described = document.get("documentDescribes")
    own = (
        {each for each in described if isinstance(each, str)}
        if isinstance(described, list)
        else set()
    )
    own |= {
        text(each.get("relatedSpdxElement"))
        for each in objects(document.get("relationships"))
        if each.get("relationshipType") == "DESCRIBES"
    }
    for each in objects(document.get("packages")):
        if text(each.get("SPDXID")) not in own:
            yield text(each.get("name")), text(each.get("versionInfo"))


def _cyclonedx(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """All components but files; some lie in others."""
    waiting = objects(document.get("components"))
    while waiting:
        each = waiting.pop()
        waiting += objects(each.get("components"))
        if each.get("type") != "file":
            group = text(each.get("group"))
            name = text(each.get("name"))
            yield (f"{group}/{name}" if group else name), text(each.get("version"))
