"""The files of an OCI layout, as all that reads or writes one knows them.

Source: OCI Image Specification, "Image Layout".
"""

from typing import Final

from entrepot.oci.digest import Digest

MARK: Final = "oci-layout"
SAYS: Final = '{"imageLayoutVersion": "1.0.0"}'
"""What the file `MARK` has."""
INDEX: Final = "index.json"
BLOBS: Final = "blobs"
NAME: Final = "org.opencontainers.image.ref.name"
"""The annotation with an image's name."""


def place_of(digest: Digest) -> str:
    """Where content lies."""
    return f"{BLOBS}/{digest.algorithm}/{digest.hex}"
