"""The OCI image layout of a backup: every tag by `REPOSITORY:TAG`, over the blobs that all backups
share. Source: OCI Image Specification, "Image Layout".
"""

from collections.abc import Iterator
from json.encoder import encode_basestring_ascii as _text

from entrepot.db.contents import Tagged
from entrepot.oci.layout import NAME
from entrepot.oci.media import OCI_INDEX


def index(found: Iterator[Tagged]) -> Iterator[str]:
    """The lines of index.json, a descriptor each: there may be many."""
    yield f'{{"schemaVersion": 2, "mediaType": "{OCI_INDEX}", "manifests": ['
    separator = "\n"
    for each in found:
        yield separator + _descriptor(each)
        separator = ",\n"
    yield "\n]}\n"


def _descriptor(found: Tagged) -> str:
    artifact = f'"artifactType": {_text(found.artifact_type)}, ' if found.artifact_type else ""
    return (
        f'{{"mediaType": {_text(found.media_type)}, "digest": "{found.digest}", '
        f'"size": {found.size}, {artifact}'
        f'"annotations": {{"{NAME}": {_text(f"{found.repository}:{found.tag}")}}}}}'
    )
