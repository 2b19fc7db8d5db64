"""Looking at images of a repository: fetches what `image` and `packages` read.

All of it blocks, and belongs in a thread: it asks the database through one connection, and the
store for large blobs. A name is a tag, a digest, or `1.2~1`: what the tag was one move before.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entrepot.blobstore.store import Store
from entrepot.db import blobs, history, manifests, referrers, tags, whereabouts
from entrepot.db.connection import Connection
from entrepot.db.whereabouts import State
from entrepot.encryption.keys import EncryptionError
from entrepot.oci import media
from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository, Tag
from entrepot.oci.ranges import Span
from entrepot.versions.diff import document, image, packages
from entrepot.versions.diff.document import UnreadableError
from entrepot.versions.diff.image import Image, Index
from entrepot.versions.diff.packages import Packages

MOST_BACK = 1000
"""Moves that a name may go back."""

_MOST_REFERRERS = 20
"""The newest ones are looked at for an SBOM."""

_back = re.compile(r"(.+)~([0-9]{1,4})").fullmatch


class UnknownError(Exception):
    """What a name means is not here; the message says where it is."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What an SBOM says."""

    digest: str = ""
    """Of the manifest that it is attached by; "" where there is none."""
    packages: Packages | None = None
    """None where there is none, or none that can be read."""
    trouble: str = ""
    """Why it cannot be read."""


class Inspection:
    """A look into a repository."""

    def __init__(self, db: Connection, store: Store, repository: Repository) -> None:
        self._db = db
        self._store = store
        self._repository = repository

    def digest(self, name: str) -> str:
        """What a name means. Raises `UnknownError`, and `OCIError` for what is no name."""
        match = _back(name)
        if match is None and ":" in name:
            return str(Digest.parse(name))
        tag = Tag.parse(match[1] if match else name)
        steps = int(match[2]) if match else 0
        if steps > MOST_BACK:
            raise UnknownError(f"{name}: a name goes back by at most {MOST_BACK} moves")
        found = self._was(tag, steps) if steps else tags.digest_of(self._db, self._repository, tag)
        if found is None:
            why = "it did not move so often" if steps else "there is no such tag"
            raise UnknownError(f"{self._repository}:{name}: {why}")
        return found

    def _was(self, tag: Tag, steps: int) -> str | None:
        move = history.back(self._db, self._repository, tag, steps)
        return move.new if move else None

    def manifest(self, digest: str) -> Manifest:
        """A manifest of the repository. Raises `UnknownError`."""
        found = manifests.find(self._db, self._repository, Digest.parse(digest))
        if found is None or not found.content:
            where = whereabouts.look(self._db, self._repository, digest)
            trash = f"lies in the trash: entrepot trash restore {where.item}"
            why = trash if where.state is State.TRASH else "is not here"
            raise UnknownError(f"{self._repository}@{digest} {why}")
        return Manifest.read(found.content, found.media_type, Digest.parse(digest).algorithm)

    def index(self, manifest: Manifest) -> Index | None:
        """The images that it lists, where it is an index."""
        return image.read_index(manifest) if manifest.media_type in media.INDEXES else None

    def image(self, manifest: Manifest) -> Image:
        """An image, with its configuration where it is one that containers have. Raises
        `UnreadableError`.
        """
        config = manifest.blobs[0]
        if config.media_type not in image.CONFIGS:
            return image.read_image(manifest, None)
        what = f"the configuration {config.digest}"
        content = self._blob(config.digest, document.MAX_CONFIG, what)
        return image.read_image(manifest, document.read(content, what))

    def bill(self, digest: str, index: str, attested: str = "") -> Bill:
        """The newest SBOM that can be read, attached to an image, or to the index that lists it."""
        newest = [
            found
            for subject in dict.fromkeys((digest, index))
            for found in referrers.last_of(self._db, self._repository, subject, _MOST_REFERRERS)
        ]
        trouble = Bill()
        for each in [*newest, attested]:
            if each and (found := self._bill(each)):
                if found.packages is not None:
                    return found
                trouble = found
        return trouble

    def _bill(self, digest: str) -> Bill | None:
        """The SBOM in a manifest; None where it has none."""
        try:
            layers = json.loads(self.manifest(digest).content).get("layers") or []
        except UnknownError:
            return None
        found = next((each for each in layers if packages.is_sbom(each)), None)
        if found is None:
            return None
        try:
            return Bill(digest, self._packages(found))
        except UnreadableError as error:
            return Bill(digest, trouble=str(error))

    def _packages(self, layer: Mapping[str, Any]) -> Packages:
        what = f"the SBOM {layer['digest']}"
        content = self._blob(Digest.parse(layer["digest"]), document.MAX_SBOM, what)
        try:
            return packages.read(document.read(content, what))
        except UnreadableError as error:
            raise UnreadableError(f"{what}: {error}") from None

    def _blob(self, digest: Digest, most: int, what: str) -> bytes:
        """The bytes of a blob, not more than so many. Raises `UnreadableError`."""
        found = blobs.find(self._db, self._repository, digest)
        if found is None or found.lost:
            raise UnreadableError(f"{what} is not here")
        if found.size > most:
            raise UnreadableError(f"{what} has {found.size} bytes; {most} are read at most")
        if found.content is not None:
            return found.content
        try:
            return b"".join(
                bytes(stride)
                for piece in found.pieces
                for stride in self._store.read(piece, Span(0, piece.size))
            )
        except (OSError, EOFError, EncryptionError):
            raise UnreadableError(f"{what} cannot be read now") from None
