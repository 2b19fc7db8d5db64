"""`drill`: which copies of images would serve them now, by asking each for all that a pull needs.

A copy counts as good once its manifest, the configuration, and each layer for the platforms were
there, and the digest is the one that the others have. Nothing is kept, nothing is changed.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from threading import Lock

from entrepot.oci.digest import Digest
from entrepot.oci.image_name import Image
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository
from entrepot.upstream.access import Credential
from entrepot.upstream.chosen import Platform, images
from entrepot.upstream.copies import Copy, Role, Trust
from entrepot.upstream.copying import checked
from entrepot.upstream.http import Http, again
from entrepot.upstream.opened import Login
from entrepot.upstream.place import Blob, BrokenError, UnknownError, UnreachableError, UpstreamError
from entrepot.upstream.readable import ReadableRepository

_ATTEMPTS = 2
_SECONDS = 10
"""How long one answer may take; a pull would hang as long."""


class State(StrEnum):
    """How an image is at a copy."""

    OK = "ok"
    NOT_KEPT = "not kept"
    """A cache fetches it from its registry, and so has it as long as that one has."""
    DIFFERS = "differs"
    """It is whole, and is another one."""
    MISSING = "missing"
    """It, or a part of it."""
    UNREACHABLE = "unreachable"
    FAILS = "fails"
    """It is refused, damaged, or cannot be read."""


_WHOLE = State.OK, State.NOT_KEPT


@dataclass(frozen=True, slots=True)
class Found:
    """An image at one copy."""

    copy: Copy
    state: State
    why: str = ""
    """In words, where it is not well."""
    digest: Digest | None = None
    size: int = 0
    """Bytes of the blobs that were asked for."""
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Drilled:
    """An image at all of its copies, in the order in which nodes ask them."""

    image: Image
    found: tuple[Found, ...]
    gone: frozenset[str]
    """Hosts that are thought away."""

    @property
    def served_by(self) -> Copy | None:
        """Who serves it now."""
        return next((each.copy for each in self.found if each.state in _WHOLE), None)

    @property
    def then(self) -> Copy | None:
        """Who would serve it without those that are thought away."""
        passes = State.OK, *(() if self.image.host in self.gone else (State.NOT_KEPT,))
        return next((each.copy for each in self._left if each.state in passes), None)

    @property
    def becomes_another(self) -> bool:
        """Whether what would be served then is another image."""
        return self.then is None and any(each.state == State.DIFFERS for each in self._left)

    @property
    def _left(self) -> list[Found]:
        return [each for each in self.found if each.copy.at.host not in self.gone]


Pairs = Mapping[Image, Sequence[Copy]]
Known = set[tuple[Blob, bool]]
"""Content of a repository that was found there, and whether it was read: images share layers."""
Show = Callable[[int, int], None]
"""Told how many answers more there are, and how many bytes more were read; by any thread."""


def compared(image: Image, found: Sequence[Found], gone: frozenset[str]) -> Drilled:
    """What was found of an image, against what the first that has it says it is."""
    first = next((each for each in found if each.state in _WHOLE), None)
    told = [_against(first, each) for each in found]
    return Drilled(image, tuple(told), gone)


def _against(first: Found | None, each: Found) -> Found:
    if first is None or each.state not in _WHOLE or each.digest == first.digest:
        return each
    why = f"it is {each.digest}, and {first.digest} at {first.copy}"
    return replace(each, state=State.DIFFERS, why=why)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of each copy."""

    platforms: tuple[Platform, ...]
    layers: bool = False
    """Whether each layer is read whole; else whether it is there."""


class Drill:
    """Asks copies as one person, several at once."""

    def __init__(self, login: Login, trust: Trust, ca: str | None, jobs: int) -> None:
        self._login, self._trust, self._ca, self._jobs = login, trust, ca, jobs
        self._https: dict[tuple[str, Credential | None, str, bool], Http] = {}
        self._known: dict[tuple[Http, Repository], Known] = {}
        self._lock = Lock()

    def run(
        self,
        pairs: Pairs,
        wanted: Wanted,
        gone: Callable[[Image], frozenset[str]],
        show: Show = lambda _answers, _bytes: None,
    ) -> list[Drilled]:
        """Ask for each image at its copies, which is an answer each."""

        def one(asked: tuple[Image, Copy]) -> Found:
            try:
                return self._one(*asked, wanted, down, partial(show, 0))
            finally:
                show(1, 0)

        flat = [(image, copy) for image, copies in pairs.items() for copy in copies]
        with ExitStack() as stack:
            stack.callback(self.close)
            pool = stack.enter_context(ThreadPoolExecutor(self._jobs, "drill"))
            down = self._down(pool, flat)
            done = iter(list(pool.map(one, flat)))
        found = {image: [next(done) for _ in copies] for image, copies in pairs.items()}
        return [compared(image, each, gone(image)) for image, each in found.items()]

    def close(self) -> None:
        """Give the connections back."""
        for http in self._https.values():
            http.close()
        self._https.clear()
        self._known.clear()

    def _down(
        self, pool: ThreadPoolExecutor, asked: Iterable[tuple[Image, Copy]]
    ) -> dict[str, str]:
        """Why who is asked cannot be reached: so that each image need not find out by itself."""
        first: dict[str, tuple[Image, Copy]] = {}
        for image, copy in asked:
            first.setdefault(copy.at.server, (image, copy))
        return {
            server: why
            for server, why in zip(first, pool.map(self._knock, first.values()), strict=True)
            if why
        }

    def _knock(self, asked: tuple[Image, Copy]) -> str:
        try:
            again(lambda: self._repository(*asked).http.once("GET", "/v2/", ""), _ATTEMPTS)
        except UnreachableError as error:
            return str(error)
        except UpstreamError:  # who answers is there
            return ""
        return ""

    def _one(
        self,
        image: Image,
        copy: Copy,
        wanted: Wanted,
        down: Mapping[str, str],
        seen: Callable[[int], None],
    ) -> Found:
        if why := down.get(copy.at.server):
            return Found(copy, State.UNREACHABLE, why)
        if copy.role is not Role.CACHE:
            return self._asked(image, copy, wanted, seen)
        kept = self._asked(image, copy, wanted, seen, only_kept=True)
        if kept.state not in (State.MISSING, State.UNREACHABLE):
            return kept
        found = self._asked(image, copy, wanted, seen)
        why = f"{copy} does not keep it, or not all of it, and fetches it from {image.host}"
        return replace(found, state=State.NOT_KEPT, why=why) if found.state == State.OK else found

    def _asked(
        self,
        image: Image,
        copy: Copy,
        wanted: Wanted,
        seen: Callable[[int], None],
        *,
        only_kept: bool = False,
    ) -> Found:
        begun = time.monotonic()
        try:
            there = self._repository(image, copy, only_kept=only_kept)
            known = self._known.setdefault((there.http, there.name), set())
            digest, size = read(there, image.reference, wanted, known, seen)
        except UnknownError as error:
            return Found(copy, State.MISSING, str(error))
        except BrokenError as error:
            return Found(copy, State.UNREACHABLE, str(error))
        except UpstreamError as error:
            return Found(copy, State.FAILS, str(error))
        return Found(copy, State.OK, "", digest, size, time.monotonic() - begun)

    def _repository(
        self, image: Image, copy: Copy, *, only_kept: bool = False
    ) -> ReadableRepository:
        """Asked as containerd does, which tells others for which registry they are asked."""
        name = copy.repository(image)
        credential = self._login(copy.at.host, name)
        namespace = "" if copy.at.host == image.host else image.host
        key = copy.at.server, credential, namespace, only_kept
        scheme = "http" if self._trust.is_plain(copy) else "https"
        with self._lock:
            if key not in self._https:
                self._https[key] = Http(
                    f"{scheme}://{copy.at.server}",
                    credential,
                    self._ca,
                    attempts=_ATTEMPTS,
                    timeout=_SECONDS,
                    namespace=namespace,
                    only_kept=only_kept,
                )
            return ReadableRepository(self._https[key], Repository.parse(name))


def read(
    source: ReadableRepository,
    reference: str,
    wanted: Wanted,
    known: Known,
    seen: Callable[[int], None],
) -> tuple[Digest, int]:
    """All that a pull needs: the digest of the image, and bytes. Raises `UpstreamError`.

    What is known of the repository is not asked for, and what is found out is known then. `seen` is
    told how many bytes more were read.
    """
    root = source.manifest(reference)
    parts: dict[Digest, Blob] = {}
    for platform in wanted.platforms:
        for image in images(source, root, platform):
            for blob, whole in _needed(image, wanted):
                if (blob, whole) not in known:
                    _check(source, blob, seen, whole=whole)
                    known.add((blob, whole))
                parts[blob.digest] = blob
    return root.digest, sum(each.size for each in parts.values())


def _needed(image: Manifest, wanted: Wanted) -> Iterator[tuple[Blob, bool]]:
    """What is asked for, and whether it is read: the first, the configuration, is in any case."""
    for number, each in enumerate(image.blobs):
        yield Blob(each.digest, each.size), number == 0 or wanted.layers


def _check(
    source: ReadableRepository, blob: Blob, seen: Callable[[int], None], *, whole: bool
) -> None:
    if whole:
        again(partial(_read, source, blob, seen), _ATTEMPTS)
    elif not source.serves(blob):
        raise UnknownError(f"{source} has no layer {blob.digest}, or one of another size")


def _read(source: ReadableRepository, blob: Blob, seen: Callable[[int], None]) -> None:
    for part in checked(blob, source.blob(blob)):
        seen(len(part))
