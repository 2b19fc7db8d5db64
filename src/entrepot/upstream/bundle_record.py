"""`Record`: what a bundle has, and which earlier bundle has the rest; a file of JSON in the bundle.

By itself it is all that the next `entrepot bundle create --since` has to know of the bundle.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.upstream.place import UpstreamError, told
from entrepot.upstream.tar import TarFiles

FILE = "entrepot-bundle.json"
FORMAT = 1
_MOST = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Held:
    """Some content of a bundle."""

    size: int
    repositories: tuple[str, ...] = ()
    """Of the images that need it, without hosts."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One bundle's."""

    name: str
    """The file's, when it was made."""
    made: str
    """As RFC 3339 has it, in UTC."""
    blobs: Mapping[Digest, Held] = field(default_factory=dict)
    earlier: tuple["Record", ...] = ()
    """Those that have what its images need besides; of each only that."""

    def __str__(self) -> str:
        return f"{self.name} (made {self.made})"

    def has(self, digest: Digest, size: int) -> bool:
        """Whether content is in this very bundle."""
        found = self.blobs.get(digest)
        return found is not None and found.size == size

    @property
    def text(self) -> str:
        """As the file has it."""
        return json.dumps({"format": FORMAT, **_document(self)}, indent=1)

    @classmethod
    def parse(cls, text: bytes, where: str) -> Self:
        """Read the file. Raises `UpstreamError`."""
        try:
            document = json.loads(text)
            if document["format"] != FORMAT:
                raise UpstreamError(f"{where} was made by a newer Entrepot: load it with that")
            return cls._read(document)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OCIError):
            raise UpstreamError(f"{where}: what it says of itself cannot be read") from None

    @classmethod
    def _read(cls, document: Mapping[str, Any]) -> Self:
        blobs = {
            Digest.parse(digest): Held(int(each["size"]), tuple(map(str, each["repositories"])))
            for digest, each in document["blobs"].items()
        }
        earlier = tuple(map(cls._read, document.get("earlier", ())))
        return cls(told(str(document["bundle"])), told(str(document["made"])), blobs, earlier)

    @classmethod
    def at(cls, path: Path) -> Self:
        """That of a bundle, or one that lies in a file by itself. Raises `UpstreamError`."""
        try:
            with path.open("rb") as file:
                start = file.read(1)
                text = start + file.read(_MOST) if start == b"{" else b""
        except OSError as error:
            raise UpstreamError(f"cannot read {path}: {error.strerror or error}") from None
        if not text:
            files = TarFiles(path)
            if files.size(FILE) is None:
                raise UpstreamError(f"{path} does not say what it has: no {FILE} is in it")
            text = b"".join(files.read(FILE))
        return cls.parse(text, str(path))


def _document(record: Record) -> dict[str, Any]:
    blobs = {
        str(digest): {"size": held.size, "repositories": list(held.repositories)}
        for digest, held in record.blobs.items()
    }
    found: dict[str, Any] = {"bundle": record.name, "made": record.made, "blobs": blobs}
    if record.earlier:
        found["earlier"] = list(map(_document, record.earlier))
    return found
