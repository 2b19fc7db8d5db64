"""`verified`: a stream that compares itself with a digest, so that no caller can forget."""

from collections.abc import Iterator

from entrepot.oci.digest import Digest, hasher
from entrepot.upkeep.backup.vault import Bytes, LostError


def verified(strides: Iterator[Bytes], digest: Digest) -> Iterator[Bytes]:
    """The same bytes. Raises `LostError` before it ends where they do not match."""
    found = hasher(digest.algorithm)
    for stride in strides:
        found.update(stride)
        yield stride
    if found.hexdigest() != digest.hex:
        raise LostError("its bytes do not match the digest")
