"""`Manifest`: an image or an index, read from the bytes that a client pushed.

What is read here decides what the registry promises to keep; so a document that two readers
could take for two things is refused (CVE-2021-41190). Sources: OCI Image Specification,
"Image Manifest" and "Image Index"; Docker's schema 2. Next: `db.manifests` checks the edges.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from entrepot.oci import media
from entrepot.oci.descriptor import Descriptor, check_annotations, check_keys, invalid
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError

MAX_BYTES = 4 * 1024 * 1024
"""The largest manifest taken; the spec asks registries for at least this."""

MAX_CONTAINERS = 200_000
"""Lists and objects of a manifest; a layer of the shortest kind has one, in 120 bytes.

The parser lets nobody else run, so its worst case (a million empty lists, most of a second) is a
matter for all.
"""

FIELDS: Final = (
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "subject",
    "annotations",
)
"""What the spec calls the parts of a manifest or an index."""

_meant = {name.casefold(): name for name in FIELDS}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that is well-formed; whether its parts are here is the database's to say."""

    digest: Digest
    media_type: str
    content: bytes = field(repr=False)
    blobs: tuple[Descriptor, ...] = ()
    """Configuration and layers that must be in the repository."""
    children: tuple[Descriptor, ...] = ()
    """Manifests that an index lists."""
    subject: Descriptor | None = None
    artifact_type: str | None = None
    """What the list of referrers calls it."""
    annotations: dict[str, str] = field(default_factory=dict)
    foreign: int = 0
    """How many layers are to be fetched from elsewhere."""

    @classmethod
    def read(cls, content: bytes, declared: str, algorithm: str = "sha256") -> "Manifest":
        """Read pushed bytes, declared (Content-Type) as a media type, "" for none.

        Raises MANIFEST_INVALID, or DIGEST_INVALID for a digest inside.
        """
        document = _document(content)
        check_keys(document, _meant, "the manifest")
        media_type = _media_type(document, declared)
        digest = Digest.of(content, algorithm)
        annotations = check_annotations(document.get("annotations"), "annotations")
        subject = document.get("subject")
        parts = _index(document) if media_type in media.INDEXES else _image(document)
        return cls(
            digest,
            media_type,
            content,
            subject=None if subject is None else Descriptor.read(subject, "subject"),
            annotations=annotations,
            **parts,
        )


def _image(document: dict[str, Any]) -> dict[str, Any]:
    config = Descriptor.read(document.get("config"), "config")
    layers = tuple(_descriptors(document, "layers"))
    kept = tuple(x for x in layers if not media.is_nondistributable(x.media_type))
    return {
        "blobs": (config, *kept),
        "foreign": len(layers) - len(kept),
        "artifact_type": _artifact_type(document) or config.media_type,
    }


def _index(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "children": tuple(_descriptors(document, "manifests")),
        "artifact_type": _artifact_type(document),
    }


def _descriptors(document: dict[str, Any], key: str) -> Iterator[Descriptor]:
    values = document.get(key)
    if not isinstance(values, list):
        raise invalid(key, "must be a list")
    return (Descriptor.read(value, f"{key}[{i}]") for i, value in enumerate(values))


def _artifact_type(document: dict[str, Any]) -> str | None:
    value = document.get("artifactType")
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not media.is_well_formed(value):
        raise invalid("artifactType", "must be a media type such as application/spdx+json")
    return value


def _media_type(document: dict[str, Any], declared: str) -> str:
    """The one type that Content-Type, `mediaType` and the document's fields agree on."""
    inner = document.get("mediaType")
    if inner is not None and not isinstance(inner, str):
        raise invalid("mediaType", "must be a string")
    declared = declared.partition(";")[0].strip().lower()
    _refuse_schema_1(document, declared)
    version = document.get("schemaVersion")
    if type(version) is not int or version != 2:
        raise invalid("schemaVersion", "must be 2")
    if inner and declared and inner != declared:
        raise invalid("mediaType", f"is {inner[:100]!r}, but Content-Type is {declared[:100]!r}")
    found = inner or declared or _guess(document)
    if found not in media.IMAGES | media.INDEXES:
        raise OCIError(
            Code.MANIFEST_INVALID,
            f"{found[:100]!r} is not a manifest: push an image manifest or an index with its "
            "own media type, artifacts as an image manifest with artifactType",
        )
    for other in ("layers", "config") if found in media.INDEXES else ("manifests",):
        if other in document:
            raise invalid(other, f"must not be in a document of the type {found}")
    return found


def _guess(document: dict[str, Any]) -> str:
    return media.OCI_INDEX if "manifests" in document else media.OCI_MANIFEST


def _refuse_schema_1(document: dict[str, Any], declared: str) -> None:
    if document.get("schemaVersion") == 1 or declared in media.DOCKER_SCHEMA_1:
        raise OCIError(
            Code.MANIFEST_INVALID,
            "Docker image manifest schema 1 is not supported: push again with Docker 1.10 or "
            "newer, or convert the image with `skopeo copy --format v2s2`",
        )


def _document(content: bytes) -> dict[str, Any]:
    """The JSON object in the bytes, strictly: UTF-8, no duplicate keys, bounded nesting."""
    if content.count(b"[") + content.count(b"{") > MAX_CONTAINERS:
        raise OCIError(Code.MANIFEST_INVALID, f"more than {MAX_CONTAINERS} lists and objects")
    try:
        value = json.loads(
            content.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant
        )
    except RecursionError:  # the parser counts the levels itself
        raise OCIError(Code.MANIFEST_INVALID, "JSON nested too deeply") from None
    except ValueError as error:
        raise OCIError(Code.MANIFEST_INVALID, f"not JSON: {str(error)[:200]}") from None
    if not isinstance(value, dict):
        raise OCIError(Code.MANIFEST_INVALID, "a manifest is a JSON object")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise OCIError(Code.MANIFEST_INVALID, f"the key {twice[:100]!r} appears twice")
    return found


def _constant(text: str) -> Any:
    raise OCIError(Code.MANIFEST_INVALID, f"{text} is not JSON")
