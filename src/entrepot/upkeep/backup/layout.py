"""The OCI image layout of a backup: every tag by `REPOSITORY:TAG`, over the blobs that all backups
share. Source: OCI Image Specification, "Image Layout".
"""

import json
from collections.abc import Iterator

from entrepot.db.contents import Tagged

FILE = "oci-layout"
INDEX = "index.json"
SAYS = '{"imageLayoutVersion": "1.0.0"}\n'

_NAME = "org.opencontainers.image.ref.name"
_MEDIA_TYPE = "application/vnd.oci.image.index.v1+json"


def index(found: Iterator[Tagged]) -> Iterator[str]:
    """The lines of index.json, a descriptor each: there may be many."""
    yield f'{{"schemaVersion": 2, "mediaType": "{_MEDIA_TYPE}", "manifests": ['
    separator = "\n"
    for each in found:
        yield separator + json.dumps(_descriptor(each))
        separator = ",\n"
    yield "\n]}\n"


def _descriptor(found: Tagged) -> dict[str, object]:
    artifact = {"artifactType": found.artifact_type} if found.artifact_type else {}
    return {
        "mediaType": found.media_type,
        "digest": found.digest,
        "size": found.size,
        **artifact,
        "annotations": {_NAME: f"{found.repository}:{found.tag}"},
    }
