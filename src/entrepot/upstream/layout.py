"""`Layout`: images in a folder or a tar, by the OCI Image Layout; each has a name in `index.json`.

The index is written last, and whole, so who is killed leaves content that nobody names, and the
next copy finds it. Nothing is ever unpacked: names inside are digests. Source: OCI Image
Specification, "Image Layout".
"""

import json
from collections.abc import Iterator
from itertools import islice
from threading import Lock
from typing import Any, Protocol

from entrepot.oci import media
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.layout import INDEX, MARK, NAME, place_of
from entrepot.oci.manifest import MAX_BYTES, Manifest
from entrepot.upstream.entries import CONTAINERD_NAME, Entries, name_of, names_of
from entrepot.upstream.place import Blob, Source, UnknownError, UpstreamError, parsed, told

_MOST = 64 * 1024 * 1024


class Files(Protocol):
    """What a layout's files lie in; any thread may use it."""

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""

    def read(self, name: str, start: int = 0) -> Iterator[bytes]:
        """Its bytes. Raises `FileNotFoundError`."""

    def write(self, name: str, size: int, content: Iterator[bytes]) -> None:
        """Make a file, wholly or not at all."""

    def finish(self, index: bytes) -> None:
        """Write the index, which makes it a layout."""


class Layout:
    """One, with the names of its images."""

    def __init__(self, files: Files, where: str, *, new: bool = False) -> None:
        self._files, self._where = files, where
        self._lock = Lock()
        self._entries = Entries(() if new else self._read_index())
        self._referring: dict[Digest, list[Digest]] | None = None

    def __str__(self) -> str:
        return self._where

    def names(self) -> list[str]:
        """Of its images."""
        return [name for each in self._entries if (name := name_of(each))]

    def names_beginning(self, stem: str) -> list[str]:
        """Those that begin so."""
        return self._entries.beginning(stem)

    def at(self, name: str) -> "LayoutImage":
        """One of its images, or one to be; "" for the only one."""
        return LayoutImage(self, name)

    def entry(self, name: str) -> dict[str, Any]:
        """The descriptor of an image."""
        found = self._entries.called(name) if name else self._all
        if len({each["digest"] for each in found}) == 1:
            return found[-1]
        listed = islice(found or self._all, 20)
        known = ", ".join([name_of(each) or each["digest"] for each in listed])
        if not found:
            raise UnknownError(f"{self} has no image {name!r} (it has: {known or 'none'})")
        raise UpstreamError(f"{self} has several images, name one: {known}")

    @property
    def _all(self) -> list[dict[str, Any]]:
        """What is listed without a name mostly refers to what has one."""
        return [each for each in self._entries if name_of(each)] or list(self._entries)

    def get(self, digest: Digest) -> Manifest:
        """A manifest by its digest."""
        content = self._small(place_of(digest), MAX_BYTES)
        try:
            found = Manifest.read(content, "", digest.algorithm)
        except OCIError as error:
            raise UpstreamError(f"{self}: {digest} is no manifest: {told(error.message)}") from None
        if found.digest != digest:
            raise UpstreamError(f"{self} is damaged: {digest} is not what it says")
        return found

    def has(self, digest: Digest, size: int | None = None) -> bool:
        """Whether content is there, so long."""
        found = self._files.size(place_of(digest))
        return found is not None and size in (None, found)

    def blob(self, blob: Blob, start: int = 0) -> Iterator[bytes]:
        """Its bytes."""
        try:
            yield from self._files.read(place_of(blob.digest), start)
        except FileNotFoundError:
            raise UnknownError(f"{self} has no blob {blob.digest}") from None

    def put(self, blob: Blob, content: Iterator[bytes]) -> None:
        """Write content."""
        self._files.write(place_of(blob.digest), blob.size, content)

    def name(self, manifest: Manifest, name: str) -> None:
        """Have an image in the index, in place of one of that name."""
        entry: dict[str, Any] = {
            "mediaType": manifest.media_type,
            "digest": str(manifest.digest),
            "size": len(manifest.content),
        }
        if name:
            entry["annotations"] = {NAME: name}
            if "/" in name:
                entry["annotations"][CONTAINERD_NAME] = name
        with self._lock:
            self._entries.put(entry)

    def finish(self) -> None:
        """Write the index."""
        with self._lock:
            document = {
                "schemaVersion": 2,
                "mediaType": media.OCI_INDEX,
                "manifests": list(self._entries),
            }
            self._files.finish(json.dumps(document, indent=1).encode())

    def referrers(self, digest: Digest) -> list[Digest]:
        """Of those that the index lists, named or not; each is read once for all who ask."""
        with self._lock:
            if self._referring is None:
                self._referring = self._subjects()
            return self._referring.get(digest, [])

    def _subjects(self) -> dict[Digest, list[Digest]]:
        found: dict[Digest, list[Digest]] = {}
        for each in self._entries:
            if each.get("mediaType") in media.IMAGES | media.INDEXES:
                manifest = self.get(Digest.parse(each["digest"]))
                if manifest.subject is not None:
                    found.setdefault(manifest.subject.digest, []).append(manifest.digest)
        return found

    def _read_index(self) -> list[dict[str, Any]]:
        if self._files.size(MARK) is None:
            raise UpstreamError(f"{self._where} is no OCI layout: it has no file {MARK}")
        try:
            document = parsed(self._small(INDEX, _MOST))
            found = document["manifests"]
            for each in found:
                Digest.parse(each["digest"])
                names_of(each)
        except (ValueError, KeyError, TypeError, AttributeError, OCIError):
            raise UpstreamError(f"{self._where} is damaged: its {INDEX} cannot be read") from None
        return list(found)

    def _small(self, name: str, most: int) -> bytes:
        size = self._files.size(name)
        if size is None:
            raise UnknownError(f"{self._where} has no {name}")
        if size > most:
            raise UpstreamError(f"{self._where}: {name} has {size} bytes, and may have {most}")
        return b"".join(self._files.read(name))


class LayoutImage:
    """An image of a layout: a `Source` and a `Target`."""

    def __init__(self, layout: Layout, name: str) -> None:
        self._layout, self._name = layout, name

    def __str__(self) -> str:
        return f"{self._layout}{f':{self._name}' if self._name else ''}"

    def manifest(self, reference: str) -> Manifest:
        """By digest, or by a name; "" for its own."""
        if (digest := _digest(reference)) is not None:
            return self._part(digest)
        name = reference or self._name
        return self._layout.get(Digest.parse(self._layout.entry(name)["digest"]))

    def _part(self, digest: Digest) -> Manifest:
        try:
            return self._layout.get(digest)
        except UnknownError:
            raise UnknownError(
                f"{self._layout} has no manifest {digest}; of an index that lists it, --platform "
                "copies what is there"
            ) from None

    def blob(self, blob: Blob, start: int = 0) -> Iterator[bytes]:
        """Its bytes."""
        return self._layout.blob(blob, start)

    def referrers(self, digest: Digest) -> list[Digest]:
        """Of those that the index lists."""
        return self._layout.referrers(digest)

    def named_after(self, digest: Digest) -> list[str]:
        """What was copied under such a tag has it as its name."""
        stem = f"{digest.algorithm}-{digest.hex}."
        return self._layout.names_beginning(stem)

    def tags(self) -> list[str]:
        """The names of images."""
        return self._layout.names()

    def has_manifest(self, digest: Digest) -> bool:
        """Whether it is there."""
        return self._layout.has(digest)

    def has_blob(self, blob: Blob) -> bool:
        """Whether it is there."""
        return self._layout.has(blob.digest, blob.size)

    def mount(self, blob: Blob, _: Source) -> bool:
        """All images of a layout share their content."""
        return self.has_blob(blob)

    def put_blob(self, blob: Blob, content: Iterator[bytes]) -> None:
        """Write it."""
        self._layout.put(blob, content)

    def put_manifest(self, manifest: Manifest, tag: str = "") -> None:
        """Write it; in the index is what has a name, or refers to something."""
        blob = Blob(manifest.digest, len(manifest.content))
        if not self._layout.has(manifest.digest):
            self._layout.put(blob, iter((manifest.content,)))
        if tag or manifest.subject is not None:
            self._layout.name(manifest, tag)


def _digest(reference: str) -> Digest | None:
    try:
        return Digest.parse(reference)
    except OCIError:
        return None
