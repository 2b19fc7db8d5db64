"""Media types that the registry must tell apart; every other one is an artifact's own affair.

Source: OCI Image Specification, "Media Types"; Docker's "Image Manifest V 2, Schema 2".
"""

import re
from typing import Final

OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"

IMAGES: Final = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES: Final = frozenset({OCI_INDEX, DOCKER_LIST})

DOCKER_SCHEMA_1: Final = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)

OCTETS: Final = "application/octet-stream"

_NONDISTRIBUTABLE = (
    "application/vnd.oci.image.layer.nondistributable.",
    "application/vnd.docker.image.rootfs.foreign.",
)
# RFC 6838, section 4.2: type and subtype are restricted names.
_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_media_type = re.compile(f"{_NAME}/{_NAME}").fullmatch


def is_nondistributable(media_type: str) -> bool:
    """Whether such a layer may be missing here: it is fetched from elsewhere, by the client."""
    return media_type.startswith(_NONDISTRIBUTABLE)


def is_well_formed(media_type: str) -> bool:
    """Whether the text is a media type by RFC 6838 (parameters are none of it)."""
    return _media_type(media_type) is not None
