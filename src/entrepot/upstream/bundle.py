"""`NewBundle` and `Bundle`: images in one file, which may leave out what an earlier one has.

A bundle is an OCI layout in a tar, and one file more, `entrepot-bundle.json`: which content it has,
for which repositories, and what of its images lies in which earlier bundle. All manifests are in
it, so it can always be said what its images are. Next: `bundle_record` has that file.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from entrepot.oci.digest import Digest
from entrepot.oci.image_name import Image
from entrepot.oci.manifest import Manifest
from entrepot.upstream.bundle_record import FILE, Held, Record
from entrepot.upstream.copying import Plan, checked, plan
from entrepot.upstream.layout import Layout, LayoutImage
from entrepot.upstream.place import Blob, Source, UnknownError, UpstreamError
from entrepot.upstream.registry import RegistryRepository
from entrepot.upstream.tar import NewTarFiles, TarFiles

Beside = Callable[[Digest], Iterable[RegistryRepository]]
"""Other repositories of the registry in which some content should be."""


class NewBundle:
    """One that is being written; any thread may do so."""

    def __init__(self, path: Path, since: Sequence[Record] = (), *, replace: bool = False) -> None:
        """`since` are the bundles whose content is left out. Raises `UpstreamError`."""
        self._path, self._lock = path, Lock()
        self._earlier = [each for one in since for each in (one, *one.earlier)]
        self._files = NewTarFiles(path, replace=replace)
        self._layout = Layout(self._files, str(path), new=True)
        self._needed: dict[Digest, tuple[int, set[str]]] = {}
        """Sizes of content, and the repositories that need it."""
        self._is_open = True

    def at(self, name: str) -> "NewBundleImage":
        """An image to be, by its full name."""
        return NewBundleImage(self, self._layout, name)

    def leaves_out(self, blob: Blob, repository: str) -> bool:
        """Whether an earlier bundle has it; that an image of this repository needs it is noted."""
        with self._lock:
            self._needed.setdefault(blob.digest, (blob.size, set()))[1].add(repository)
        return self._holder(blob.digest, blob.size) is not None

    def _holder(self, digest: Digest, size: int) -> Record | None:
        return next((each for each in self._earlier if each.has(digest, size)), None)

    @property
    def record(self) -> Record:
        """What it has, and what is elsewhere."""
        own: dict[Digest, Held] = {}
        others: dict[Record, dict[Digest, Held]] = {}
        for digest, (size, repositories) in self._needed.items():
            holder = self._holder(digest, size)
            if holder is None:
                own[digest] = Held(size, tuple(sorted(repositories)))
            else:
                others.setdefault(holder, {})[digest] = holder.blobs[digest]
        earlier = tuple(Record(each.name, each.made, found) for each, found in others.items())
        made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Record(self._path.name, made, own, earlier)

    def finish(self) -> Record:
        """Have it under its name."""
        record = self.record
        text = record.text.encode()
        self._files.write(FILE, len(text), iter((text,)))
        self._layout.finish()
        self._is_open = False
        return record

    def abandon(self) -> None:
        """Leave nothing, where it was not finished."""
        if self._is_open:
            self._files.abandon()


class NewBundleImage(LayoutImage):
    """One of its images: a `Target`."""

    def __init__(self, bundle: NewBundle, layout: Layout, name: str) -> None:
        super().__init__(layout, name)
        self._bundle, self._repository = bundle, Image.parse(name).repository

    def has_blob(self, blob: Blob) -> bool:
        """Whether it is there, or need not be."""
        return self._bundle.leaves_out(blob, self._repository) or super().has_blob(blob)


class Bundle:
    """One that is there. Raises `UpstreamError` where it is none."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise UpstreamError(f"there is no {path}")
        files = TarFiles(path)
        self._layout = Layout(files, str(path))
        text = b"".join(files.read(FILE)) if files.size(FILE) is not None else b""
        self.record = Record.parse(text, str(path)) if text else None
        """None where others made it, or it is older than these records."""

    def names(self) -> list[str]:
        """Full names of its images."""
        return [name for name in self._layout.names() if "/" in name]

    def at(self, name: str) -> "BundleImage":
        """One of its images: a `Source`."""
        return BundleImage(self, self._layout, name)

    def plan(self, name: str) -> Plan:
        """What an image is made of. Raises `UpstreamError`."""
        return plan(self.at(name), name)

    def elsewhere(self, digest: Digest) -> Record | None:
        """The earlier bundle that has some content in place of this one."""
        earlier = self.record.earlier if self.record else ()
        return next((each for each in earlier if digest in each.blobs), None)

    def holders(self, digest: Digest) -> Iterable[str]:
        """Repositories into which content was loaded from an earlier bundle."""
        found = self.elsewhere(digest)
        return found.blobs[digest].repositories if found else ()

    def damaged(self, blob: Blob) -> str:
        """Why content is not good, after all of it was read; "" where it is, or is elsewhere."""
        if self.elsewhere(blob.digest):
            return ""
        try:
            for _ in checked(blob, self._layout.blob(blob)):
                pass
        except UpstreamError as error:
            return str(error)
        return ""


class BundleImage(LayoutImage):
    """One of its images: a `Source`."""

    def __init__(self, bundle: Bundle, layout: Layout, name: str) -> None:
        super().__init__(layout, name)
        self._bundle = bundle

    def blob(self, blob: Blob, start: int = 0) -> Iterator[bytes]:
        """Its bytes; what is left out has to be at the registry."""
        earlier = self._bundle.elsewhere(blob.digest)
        if earlier is not None:
            raise UnknownError(
                f"{blob.digest} is in {earlier}: load that bundle first, behind the same prefix"
            )
        return super().blob(blob, start)


class Loaded:
    """A repository that gets images of a bundle: a `Target`.

    What the bundle leaves out may be in another repository of the registry, from which it is
    mounted.
    """

    def __init__(self, there: RegistryRepository, beside: Beside) -> None:
        self._there, self._beside = there, beside

    def __str__(self) -> str:
        return str(self._there)

    def has_manifest(self, digest: Digest) -> bool:
        """Whether it is there."""
        return self._there.has_manifest(digest)

    def has_blob(self, blob: Blob) -> bool:
        """Whether it is there."""
        return self._there.has_blob(blob)

    def mount(self, blob: Blob, _: Source) -> bool:
        """Have it from one of the others."""
        others = self._beside(blob.digest)
        return any(each.has_blob(blob) and self._there.mount(blob, each) for each in others)

    def put_blob(self, blob: Blob, content: Iterator[bytes]) -> None:
        """Push it."""
        self._there.put_blob(blob, content)

    def put_manifest(self, manifest: Manifest, tag: str = "") -> None:
        """Push it."""
        self._there.put_manifest(manifest, tag)
