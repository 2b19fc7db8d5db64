"""The OCI image layout of a backup: every tag by `REPOSITORY:TAG`, over the blobs that all backups
share. Source: OCI Image Specification, "Image Layout".
"""

import json
from collections.abc import Iterator

from entrepot.db.contents import Tagged
from entrepot.oci.layout import NAME
from entrepot.oci.media import OCI_INDEX


def index(found: Iterator[Tagged]) -> Iterator[str]:
    """The lines of index.json, a descriptor each: there may be many."""
    yield f'{{"schemaVersion": 2, "mediaType": "{OCI_INDEX}", "manifests": ['
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
        "annotations": {NAME: f"{found.repository}:{found.tag}"},
    }
