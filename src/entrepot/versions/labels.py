"""`Labels`: what an image says of itself, from its manifest and its configuration.

Annotations go before labels, and an index's own before those of the first image that it lists. A
document that is no JSON, or is too large to be opened for a list, says nothing; so does
a configuration that does not lie in the database.
Sources: OCI Image Specification, "Annotations" and "Image Configuration".
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from entrepot.db import blobs, manifests
from entrepot.db.connection import Connection
from entrepot.db.image_sizes import LARGEST
from entrepot.oci import media
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository

LONGEST = 1000
"""Characters of a text that is shown."""

_OCI = "org.opencontainers.image."
_OLD = "org.label-schema."
TEXTS: Mapping[str, tuple[str, ...]] = {
    "title": (f"{_OCI}title", f"{_OLD}name"),
    "description": (f"{_OCI}description", f"{_OLD}description"),
    "version": (f"{_OCI}version", f"{_OLD}version"),
    "revision": (f"{_OCI}revision", f"{_OLD}vcs-ref"),
    "source": (f"{_OCI}source", f"{_OLD}vcs-url"),
    "created": (f"{_OCI}created", f"{_OLD}build-date"),
}
"""By our name, the annotations and labels that say it, the first first."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Labels:
    """What an image says of itself; "" where it does not say."""

    platforms: tuple[str, ...] = ()
    """As linux/amd64 or linux/arm/v7."""
    title: str = ""
    description: str = ""
    version: str = ""
    revision: str = ""
    """Of its sources."""
    source: str = ""
    created: str = ""
    """When it was built, as it says."""


def gather(index: Document, manifest: Document, config: Document) -> Labels:
    """What is said in an index, the first image of it, and that one's configuration; each may be
    empty.
    """
    labels = _strings(_part(config, "config").get("Labels"))
    said = [_strings(index.get("annotations")), _strings(manifest.get("annotations")), labels]
    texts = {name: _first(said, keys) for name, keys in TEXTS.items()}
    built = config.get("created")
    texts["created"] = texts["created"] or (built[:LONGEST] if isinstance(built, str) else "")
    return Labels(_platforms(index) or _platform(config), **texts)


def _part(document: Document, name: str) -> Document:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> Mapping[str, str]:
    found = value if isinstance(value, dict) else {}
    return {name: text for name, text in found.items() if isinstance(text, str)}


def _first(said: Sequence[Mapping[str, str]], keys: Sequence[str]) -> str:
    found = (each[key] for each in said for key in keys if each.get(key))
    return next(found, "")[:LONGEST]


def _platforms(index: Document) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(name for child in children(index) for name in _platform(child["platform"]))
    )


def _platform(document: Document) -> tuple[str, ...]:
    parts = [document.get(name) for name in ("os", "architecture", "variant")]
    words = [part for part in parts if isinstance(part, str) and part]
    return ("/".join(words)[:100],) if len(words) > 1 and "unknown" not in words else ()


def children(index: Document) -> list[Document]:
    """The images that an index lists for a platform; attestations are for none."""
    listed = index.get("manifests")
    found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return [each for each in found if _platform(_part(each, "platform"))]


def read(db: Connection, repository: Repository, digest: str) -> Labels:
    """What a manifest of a repository says."""
    media_type, document = _manifest(db, repository, digest)
    if media_type not in media.INDEXES:
        return gather({}, document, _config(db, repository, document))
    listed = children(document)
    first = _manifest(db, repository, listed[0].get("digest"))[1] if listed else {}
    return gather(document, first, _config(db, repository, first))


def _manifest(db: Connection, repository: Repository, digest: Any) -> tuple[str, Document]:
    named = _digest(digest)
    found = named and manifests.find(db, repository, named)
    return (found.media_type, _json(found.content)) if found else ("", {})


def _config(db: Connection, repository: Repository, manifest: Document) -> Document:
    named = _digest(_part(manifest, "config").get("digest"))
    found = named and blobs.find(db, repository, named)
    return _json(found.content or b"") if found else {}


def _digest(value: Any) -> Digest | None:
    try:
        return Digest.parse(value) if isinstance(value, str) else None
    except OCIError:
        return None


def _json(content: bytes) -> Document:
    try:
        value = json.loads(content) if len(content) <= LARGEST else None
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
