"""`copy`: an image from one place to another, of which only what is missing moves.

First the blobs, then manifests from the leaves to the root, then what refers to them, and the tag
last: so a target never shows an image that is not whole. Every byte is hashed on the way.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock

from entrepot.oci.digest import Digest, hasher
from entrepot.oci.manifest import Manifest
from entrepot.upstream.chosen import Platform, choose
from entrepot.upstream.http import ATTEMPTS, pause
from entrepot.upstream.place import (
    Blob,
    BrokenError,
    ReferrersError,
    Source,
    Target,
    UpstreamError,
)

Show = Callable[[int], None]
"""Told how many bytes more are done, of those that `Plan.size` counts."""

DEEPEST = 16
"""Indexes inside each other."""
_MOST = 100_000
"""Manifests of one image, with all that refers to them."""
_LARGEST = 256 * 1024 * 1024
"""Bytes of these: a plan is kept in memory, and a source may say anything."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an image is made of; a manifest comes after its children."""

    root: Manifest
    manifests: tuple[Manifest, ...]
    names: dict[str, Manifest] = field(default_factory=dict)
    """By tags of their own: what cosign attached."""

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """All, each once."""
        found = {
            each.digest: Blob(each.digest, each.size)
            for manifest in self.manifests
            for each in manifest.blobs
        }
        return tuple(found.values())

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return sum(each.size for each in self.blobs)


@dataclass(frozen=True, slots=True)
class Copied:
    """What was done."""

    digest: Digest
    manifests: int
    blobs: int
    size: int
    """Bytes of the image, with what refers to it."""
    moved: int
    """Bytes of blobs that were not there."""


def plan(
    source: Source, reference: str, platforms: Sequence[Platform] = (), *, referrers: bool = True
) -> Plan:
    """Look at an image, manifest by manifest. Raises `UpstreamError`; `ReferrersError` is one."""
    root = choose(source, source.manifest(reference), platforms)
    walk = _Walk(source)
    walk.down(root)
    names: dict[str, Manifest] = {}
    if referrers:
        try:
            _attached(walk, names)
        except BrokenError as error:
            why = f"signatures and the like cannot be looked for: {error}"
            raise ReferrersError(why, error.wait, error.status) from error
    return Plan(root, tuple(walk.found.values()), names)


class _Walk:
    """Through an image, of which a source may say anything."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: dict[Digest, Manifest] = {}
        self.left: list[Digest] = []
        """Those for which nobody has looked yet what refers to them."""
        self._size = 0

    def down(self, manifest: Manifest, depth: int = 0) -> None:
        """See a manifest and its children. Raises `UpstreamError`."""
        if depth > DEEPEST or len(self.found) > _MOST:
            raise UpstreamError(f"{self.source} has indexes inside each other without an end")
        for child in manifest.children:
            if child.digest not in self.found:
                self.down(self.source.manifest(str(child.digest)), depth + 1)
        self._add(manifest)

    def _add(self, manifest: Manifest) -> None:
        self._size += len(manifest.content)
        if self._size > _LARGEST:
            raise UpstreamError(f"{self.source} has manifests of over {_LARGEST} bytes for one tag")
        self.found[manifest.digest] = manifest
        self.left.append(manifest.digest)


def _attached(walk: _Walk, names: dict[str, Manifest]) -> None:
    """What refers to a manifest, and what refers to that."""
    source, found, left = walk.source, walk.found, walk.left
    while left:
        digest = left.pop()
        tagged = {tag: source.manifest(tag) for tag in source.named_after(digest)}
        names.update(tagged)
        for each in (*source.referrers(digest), *(one.digest for one in tagged.values())):
            if each not in found:
                walk.down(source.manifest(str(each)))


class Copier:
    """Copies images, several blobs at once; content that two of them share moves once."""

    def __init__(self, jobs: int = 4) -> None:
        self._pool = ThreadPoolExecutor(jobs, thread_name_prefix="copy")
        self._light = ThreadPoolExecutor(jobs, thread_name_prefix="copy-light")
        self._over = Event()
        self._lock = Lock()
        self._moving: dict[tuple[str, Digest], Future[int]] = {}

    def close(self, *, wait: bool = True) -> None:
        """Let nobody begin any more, nor try again; and wait until all have ended."""
        self._over.set()
        for pool in (self._pool, self._light):
            pool.shutdown(wait=wait, cancel_futures=True)

    def forget(self) -> None:
        """Look again what is there: a target may lose what was copied long ago."""
        with self._lock:
            self._moving = {key: each for key, each in self._moving.items() if not each.done()}

    def copy(
        self,
        plan: Plan,
        source: Source,
        target: Target,
        tag: str,
        show: Show = lambda _: None,
        *,
        lacks: bool = False,
        light: bool = False,
    ) -> Copied:
        """Copy what was planned; the root gets the tag, "" for none. The target `lacks` the
        manifests where that is known, and is not asked then. What is `light` waits for nothing that
        is not. Raises `UpstreamError`.
        """
        pool = self._light if light else self._pool
        begun = [self._begin(pool, blob, source, target, show) for blob in plan.blobs]
        moved = sum(each.result() for each in begun)
        for manifest in plan.manifests:
            if manifest is not plan.root:
                self._put(target, manifest, lacks=lacks)
        for name, manifest in plan.names.items():
            self._put(target, manifest, name)
        self._put(target, plan.root, tag)
        return Copied(plan.root.digest, len(plan.manifests), len(plan.blobs), plan.size, moved)

    def _begin(
        self, pool: Executor, blob: Blob, source: Source, target: Target, show: Show
    ) -> "Future[int]":
        key = str(target), blob.digest
        with self._lock:
            known = self._moving.get(key)
            if known is None or (known.done() and known.exception() is not None):
                known = pool.submit(self._move, blob, source, target, show)
                self._moving[key] = known
            else:
                show(blob.size)
            return known

    def _put(
        self, target: Target, manifest: Manifest, tag: str = "", *, lacks: bool = False
    ) -> None:
        """A tag may have to move, so it is written also where the manifest is there."""
        for count in range(1, ATTEMPTS + 1):
            try:
                if tag or lacks or not target.has_manifest(manifest.digest):
                    target.put_manifest(manifest, tag)
                return
            except BrokenError as error:
                pause(error, count, over=self._over)

    def _move(self, blob: Blob, source: Source, target: Target, show: Show) -> int:
        """How many bytes had to move; begun again where the target broke off."""
        if target.has_blob(blob) or target.mount(blob, source):
            show(blob.size)
            return 0
        for count in range(1, ATTEMPTS + 1):
            seen = _Seen(show)
            try:
                parts = checked(blob, _whole(blob, source, self._over))
                target.put_blob(blob, seen.through(parts))
                return blob.size
            except BrokenError as error:
                seen.take_back()
                pause(error, count, over=self._over)
        raise AssertionError("pause raises at last")


class _Seen:
    """How much was shown of an attempt, so that it can be taken back."""

    def __init__(self, show: Show) -> None:
        self._show, self._bytes = show, 0

    def through(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        for part in parts:
            yield part
            self._bytes += len(part)
            self._show(len(part))

    def take_back(self) -> None:
        self._show(-self._bytes)


def _whole(blob: Blob, source: Source, over: Event) -> Iterator[bytes]:
    """All that a source has of a blob; where it breaks off it is asked for the rest, unless it is
    over.

    Raises `UpstreamError`, and not `BrokenError`: to begin the whole again would not help.
    """
    done, broken = 0, 0
    while True:
        before = done
        try:
            for part in source.blob(blob, done):
                done += len(part)
                yield part
            return
        except BrokenError as error:
            broken = 1 if done > before else broken + 1
            try:
                pause(error, broken, over=over)
            except BrokenError:
                raise UpstreamError(str(error)) from None


def checked(blob: Blob, parts: Iterator[bytes]) -> Iterator[bytes]:
    """What goes through; raises `UpstreamError` before the end where it is not the blob."""
    hashed, size = hasher(blob.digest.algorithm), 0
    for part in parts:
        hashed.update(part)
        size += len(part)
        if size > blob.size:
            break
        yield part
    if size != blob.size or hashed.hexdigest() != blob.digest.hex:
        raise UpstreamError(
            f"what came as {blob.digest} is not that: the source is damaged, or lies"
        )
