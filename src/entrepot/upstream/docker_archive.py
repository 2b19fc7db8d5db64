"""Docker's archives: what `docker save` writes and `docker load` reads.

Their layers have no compression and no digest of their own, so an image that comes from one gets a
manifest here: the layers are compressed as they are read for the first time, always alike.
Source: moby, image/spec/v1.2, "Combined Image JSON + Filesystem Changeset Format".
"""

import hashlib
import json
import posixpath
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

from entrepot.oci import media
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.image_name import Image, ImageError
from entrepot.oci.layout import place_of
from entrepot.oci.manifest import MAX_BYTES, Manifest
from entrepot.upstream.place import CHUNK, Blob, Source, UnknownError, UpstreamError, parsed
from entrepot.upstream.tar import NewTarFiles, TarFiles

INDEX = "manifest.json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+"
_ZSTD = b"\x28\xb5\x2f\xfd"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_GZIP = 31  # zlib's number for a window of 32 KiB in gzip's form, which has no time in it


@dataclass(frozen=True, slots=True)
class _Layer:
    blob: Blob
    path: Path
    kind: str


class DockerArchive:
    """An archive that is read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tar = TarFiles(path)
        self._layers: dict[str, _Layer] = {}
        self._small: dict[Digest, bytes] = {}
        self._lock = Lock()
        try:
            self._images: list[dict[str, Any]] = parsed(self._read(INDEX))
            self._names = [name for each in self._images for name in each.get("RepoTags") or ()]
        except (ValueError, AttributeError, TypeError):
            raise UpstreamError(f"{path} is damaged: its {INDEX} cannot be read") from None
        self._spool = TemporaryDirectory(prefix="entrepot-")

    def __str__(self) -> str:
        return str(self._path)

    def close(self) -> None:
        """Remove what was compressed."""
        self._spool.cleanup()

    def tags(self) -> list[str]:
        """The names of its images, as HOST/REPOSITORY:TAG or REPOSITORY:TAG."""
        return self._names

    def manifest(self, reference: str) -> Manifest:
        """Of the image of that name; "" for the only one."""
        found = self._called(reference)
        if len(found) != 1:
            known = ", ".join(self._names[:20]) or "one without a name"
            if found:
                raise UpstreamError(f"{self} has several images, name one: {known}")
            raise UnknownError(f"{self} has no image {reference!r} (it has: {known})")
        try:
            return self._described(str(found[0]["Config"]), [str(x) for x in found[0]["Layers"]])
        except (KeyError, TypeError, OCIError):
            raise UpstreamError(f"{self} is damaged: its {INDEX} is wrong") from None

    def _called(self, name: str) -> list[dict[str, Any]]:
        """Those of a name, as it is written or in full: docker leaves out what podman does not."""
        exact = [each for each in self._images if name in ("", *(each.get("RepoTags") or ()))]
        full = _full(name)
        return exact or [x for x in self._images if full in map(_full, x.get("RepoTags") or ())]

    def _described(self, config: str, layers: list[str]) -> Manifest:
        with self._lock:
            return self._made(config, layers)

    def _made(self, config: str, layers: list[str]) -> Manifest:
        text = self._read(config)
        self._small[Digest.of(text)] = text
        parts = [self._compressed(self._followed(name)) for name in layers]
        document = {
            "schemaVersion": 2,
            "mediaType": media.OCI_MANIFEST,
            "config": _descriptor(_CONFIG, Blob(Digest.of(text), len(text))),
            "layers": [_descriptor(each.kind, each.blob) for each in parts],
        }
        return Manifest.read(json.dumps(document).encode(), media.OCI_MANIFEST)

    def blob(self, blob: Blob, start: int = 0) -> Iterator[bytes]:
        """The configuration, or a layer as it was compressed."""
        if (small := self._small.get(blob.digest)) is not None:
            yield small[start:]
            return
        for layer in self._layers.values():
            if layer.blob == blob:
                with layer.path.open("rb") as file:
                    file.seek(start)
                    while part := file.read(CHUNK):
                        yield part
                return
        raise UnknownError(f"{self} has no blob {blob.digest}")

    def referrers(self, _: Digest) -> list[Digest]:
        """It has none."""
        return []

    def named_after(self, _: Digest) -> list[str]:
        """It has none."""
        return []

    def _read(self, name: str) -> bytes:
        size = self._tar.size(name)
        if size is None:
            raise UpstreamError(f"{self} is no archive of docker save: it has no {name}")
        if size > MAX_BYTES:
            raise UpstreamError(f"{self}: {name} has {size} bytes, which nobody would read")
        return b"".join(self._tar.read(name))

    def _followed(self, name: str) -> str:
        """Where a layer lies: older Dockers wrote a link in the place of one they had written."""
        target = self._tar.link(name)
        return (
            posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if target else name
        )

    def _compressed(self, name: str) -> _Layer:
        if known := self._layers.get(name):
            return known
        if self._tar.size(name) is None:
            raise UpstreamError(f"{self} is damaged: it has no layer {name}")
        path = Path(self._spool.name) / str(len(self._layers))
        hashed, size, start = hashlib.sha256(), 0, b""
        with path.open("wb") as file:
            for part in _gzip(self._tar.read(name)):
                start = start or part[:4]
                hashed.update(part)
                size += file.write(part)
        blob = Blob(Digest.parse(f"sha256:{hashed.hexdigest()}"), size)
        found = _Layer(blob, path, _LAYER + ("zstd" if start == _ZSTD else "gzip"))
        self._layers[name] = found
        return found


class NewDockerArchive:
    """An archive that is written: one platform of each image, its layers as they come."""

    def __init__(self, path: Path, *, replace: bool = False) -> None:
        self._path = path
        self._tar = NewTarFiles(path, replace=replace)
        self._images: list[dict[str, Any]] = []

    def __str__(self) -> str:
        return str(self._path)

    def has_manifest(self, _: Digest) -> bool:
        """It keeps no manifests."""
        return False

    def has_blob(self, blob: Blob) -> bool:
        """Whether it was written."""
        return self._tar.size(place_of(blob.digest)) is not None

    def mount(self, blob: Blob, _: Source) -> bool:
        """All images share their layers."""
        return self.has_blob(blob)

    def put_blob(self, blob: Blob, content: Iterator[bytes]) -> None:
        """Write it."""
        self._tar.write(place_of(blob.digest), blob.size, content)

    def put_manifest(self, manifest: Manifest, tag: str = "") -> None:
        """Have an image, under a name as Docker writes them."""
        if manifest.media_type not in media.IMAGES:
            raise UpstreamError(f"{self} takes one platform: say --platform linux/amd64")
        if manifest.foreign:
            why = "has layers that lie elsewhere, and docker load takes whole images alone"
            raise UpstreamError(f"{manifest.digest} {why}")
        config, *layers = manifest.blobs
        self._images.append(
            {
                "Config": place_of(config.digest),
                "RepoTags": [tag] if tag and "@" not in tag else [],
                "Layers": [place_of(each.digest) for each in layers],
            }
        )

    def finish(self) -> None:
        """Write the list of images; then the archive has its name."""
        text = json.dumps(self._images).encode()
        self._tar.write(INDEX, len(text), iter((text,)))
        self._tar.end()

    def abandon(self) -> None:
        """Leave nothing."""
        self._tar.abandon()


def _full(name: str) -> str:
    """Such as docker.io/library/nginx:latest for nginx; what is no name of an image as it is."""
    try:
        return str(Image.parse(name))
    except ImageError:
        return name


def _descriptor(kind: str, blob: Blob) -> dict[str, Any]:
    return {"mediaType": kind, "digest": str(blob.digest), "size": blob.size}


def _gzip(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Compressed, unless it is already."""
    first = next(parts, b"")
    if first.startswith((b"\x1f\x8b", _ZSTD)):
        yield first
        yield from parts
        return
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
    yield packer.compress(first)
    for part in parts:
        yield packer.compress(part)
    yield packer.flush()
