"""`Descriptor`: type, digest and size of some content. Source: OCI Image Spec, "Descriptors"."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final

from entrepot.oci import media
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError

MAX_SIZE = 2**63 - 1
"""Bytes: what the spec's int64, and the database, can hold."""

FIELDS: Final = (
    "mediaType",
    "digest",
    "size",
    "urls",
    "annotations",
    "data",
    "artifactType",
    "platform",
)
"""What the spec calls a descriptor's parts."""

_meant = {name.casefold(): name for name in FIELDS}


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A pointer to content."""

    media_type: str
    digest: Digest
    size: int
    platform: tuple[str, str] | None = None
    """Operating system and architecture, where an index names them."""

    @classmethod
    def read(cls, value: Any, where: str) -> "Descriptor":
        """The descriptor in a JSON value found at `where`. Raises MANIFEST_INVALID."""
        if not isinstance(value, dict):
            raise invalid(where, "must be an object")
        check_keys(value, _meant, where)
        media_type, digest, size = (value.get(k) for k in ("mediaType", "digest", "size"))
        if not isinstance(media_type, str) or not media.is_well_formed(media_type):
            raise invalid(f"{where}.mediaType", "must be a media type such as text/plain")
        if not isinstance(digest, str):
            raise invalid(f"{where}.digest", "must be a string")
        if type(size) is not int or not 0 <= size <= MAX_SIZE:
            raise invalid(f"{where}.size", "must be a whole number of bytes")
        check_annotations(value.get("annotations"), f"{where}.annotations")
        found = cls(media_type, Digest.parse(digest), size, _platform(value.get("platform"), where))
        _check_urls(value.get("urls"), where)
        _check_data(value.get("data"), found, where)
        return found


def invalid(where: str, why: str) -> OCIError:
    """MANIFEST_INVALID at a place of the document."""
    return OCIError(Code.MANIFEST_INVALID, f"{where} {why}", detail={"at": where})


def check_keys(document: dict[str, Any], known: dict[str, str], where: str) -> None:
    """Refuse a key that is a known one but for its case; `known` has them by their folded names.

    Many readers (Go's) take `Layers` for `layers`, and would see another document than this one.
    """
    for key in document:
        meant = known.get(key.casefold(), key)
        if meant != key:
            raise invalid(where, f"has a key {key[:100]!r}, which some take for {meant!r}")


def check_annotations(value: Any, where: str) -> dict[str, str]:
    """Annotations as a map of strings, empty where there are none."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise invalid(where, "must map strings to strings")
    return value


def _platform(value: Any, where: str) -> tuple[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise invalid(f"{where}.platform", "must be an object")
    system, architecture = value.get("os", ""), value.get("architecture", "")
    if not isinstance(system, str) or not isinstance(architecture, str):
        raise invalid(f"{where}.platform", "must have strings for os and architecture")
    return system, architecture


def _check_urls(value: Any, where: str) -> None:
    """They are kept for the client and never fetched from here."""
    if value is not None and not (
        isinstance(value, list) and all(isinstance(url, str) for url in value)
    ):
        raise invalid(f"{where}.urls", "must be a list of strings")


def _check_data(value: Any, descriptor: Descriptor, where: str) -> None:
    """Embedded content must be what the descriptor says: clients may use it unchecked."""
    if value is None:
        return
    try:
        content = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise invalid(f"{where}.data", "must be base64") from None
    if len(content) != descriptor.size:
        raise invalid(f"{where}.data", f"has {len(content)} bytes, not {descriptor.size}")
    if Digest.of(content, descriptor.digest.algorithm) != descriptor.digest:
        raise invalid(f"{where}.data", "does not match the descriptor's digest")
