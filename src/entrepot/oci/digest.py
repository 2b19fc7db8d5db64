"""`Digest`: an algorithm and the hexadecimal hash of some content.

`Digest.parse` and `Digest.of` are the only doors, so a digest that exists is well-formed and
safe to put in a path or a query. Source: OCI Image Specification, "Digests".
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol, Self

from entrepot.oci.errors import Code, OCIError

HEX_LENGTH = {"sha256": 64, "sha512": 128}
"""The algorithms accepted, with the length of their hash in hexadecimal digits."""

CANONICAL = "sha256"
"""The algorithm used where the client names none."""

_not_hex = re.compile("[^0-9a-f]").search


class Hasher(Protocol):
    """A hash in progress, as `hashlib` makes them."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Take in more content."""

    def hexdigest(self) -> str:
        """The hash of what was taken in."""


@dataclass(frozen=True, slots=True)
class Digest:
    """The identity of some content, such as `sha256:e3b0c442…`."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `algorithm:hex`. Raises `OCIError` DIGEST_INVALID, naming what is wrong."""
        algorithm, colon, hexadecimal = text.partition(":")
        if not colon:
            raise _invalid(text, "a digest is written algorithm:hex")
        check_algorithm(algorithm)
        if wrong := _not_hex(hexadecimal):
            raise _invalid(text, f"{wrong[0]!r} is not a lower-case hexadecimal digit")
        if len(hexadecimal) != HEX_LENGTH[algorithm]:
            wanted = HEX_LENGTH[algorithm]
            raise _invalid(text, f"{algorithm} has {wanted} digits, not {len(hexadecimal)}")
        return cls(algorithm, hexadecimal)

    @classmethod
    def of(cls, content: bytes, algorithm: str = CANONICAL) -> Self:
        """The digest of content that is at hand."""
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


def check_algorithm(name: str) -> str:
    """`name`, when digests may use it; else DIGEST_INVALID."""
    if name not in HEX_LENGTH:
        raise _invalid(name, f"use one of {', '.join(HEX_LENGTH)}")
    return name


def hasher(algorithm: str) -> Hasher:
    """A new hash in progress."""
    return hashlib.new(check_algorithm(algorithm))


def _invalid(text: str, why: str) -> OCIError:
    return OCIError(Code.DIGEST_INVALID, f"invalid digest {text[:140]!r}: {why}")
