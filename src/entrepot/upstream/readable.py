"""`ReadableRepository`: a repository of any registry, read. What comes is not trusted.

Source: OCI Distribution Specification, "Pull", "Listing Referrers" with its fallback for registries
that have no such API.
"""

import re
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, TypeVar

from entrepot.oci import media
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository
from entrepot.upstream import pages
from entrepot.upstream.answer import Answer
from entrepot.upstream.http import Http
from entrepot.upstream.place import (
    Blob,
    MethodError,
    UnclearError,
    UnknownError,
    UpstreamError,
    parsed,
    told,
)
from entrepot.upstream.referring import attached, referring, stand_in

T = TypeVar("T")

ACCEPT = ", ".join(sorted(media.IMAGES | media.INDEXES))
_FEW = 100
"""Pages of what refers to one manifest."""
_CATALOGUE = "registry:catalog:*"

_range = re.compile(r"bytes ([0-9]{1,18})-").match


class ReadableRepository:
    """A repository, as one caller sees it."""

    def __init__(self, http: Http, name: Repository) -> None:
        self.http = http
        self.name = name
        self.listed: Collection[str] | None = None
        """Its tags, where they were listed a moment ago: then none is looked for by a request."""
        self.base = f"/v2/{name}"
        self.pull_scope = f"repository:{name}:pull"
        """What is asked for at a token service."""

    def __str__(self) -> str:
        return f"{self.http.host}/{self.name}"

    def manifest(self, reference: str) -> Manifest:
        """By tag or digest; what comes is what its digest says."""
        path = f"{self.base}/manifests/{reference}"
        answer = self.http.ask("GET", path, self.pull_scope, {"accept": ACCEPT})
        if answer.status == 404:
            why = f"there is no {self}{_joined(reference)}, or you may not see it"
            raise UnknownError(why, sure=answer.is_of_registry, said=answer.said)
        wanted = reference if ":" in reference else answer.headers.get("docker-content-digest", "")
        try:
            known = Digest.parse(wanted) if wanted else None
            algorithm = known.algorithm if known else "sha256"
            kind = answer.headers.get("content-type", "")
            found = Manifest.read(answer.body, kind, algorithm)
        except OCIError as error:
            raise UpstreamError(f"{self}{_joined(reference)}: {told(error.message)}") from None
        if known is not None and found.digest != known:
            raise UpstreamError(
                f"{self}{_joined(reference)} came as {found.digest}, which it is not: "
                "somebody on the way, or the registry, changed it"
            )
        return found

    def digest_of(self, tag: str) -> str:
        """What a tag points to; "" where there is no such tag."""
        return self.look(tag) or ""

    def look(self, tag: str) -> str | None:
        """The same; None where there is no such tag. Where HEAD does not say, the manifest does."""
        try:
            found = self.glance(tag)
        except MethodError:
            found = ""
        return self._read(tag) if found == "" else found

    def glance(self, tag: str) -> str | None:
        """By HEAD alone, which is no pull to who counts them; "" where that does not say. Raises
        `MethodError` where the registry answers none.
        """
        path = f"{self.base}/manifests/{tag}"
        answer = self.http.heads.ask(path, self.pull_scope, {"accept": ACCEPT})
        return _told_digest(answer) if answer.status == 200 else None

    def _read(self, tag: str) -> str | None:
        try:
            return str(self.manifest(tag).digest)
        except UnknownError:
            return None

    def blob(self, blob: Blob, start: int = 0) -> Iterator[bytes]:
        """Its bytes, from one on; all are read where the registry sends no part."""
        try:
            yield from self._sent(blob, start, f"bytes={start}-" if start else "")
        except MethodError:
            if not start:
                raise
            yield from self._sent(blob, start)

    def _sent(self, blob: Blob, start: int, wanted: str = "") -> Iterator[bytes]:
        headers = {"range": wanted} if wanted else {}
        path = f"{self.base}/blobs/{blob.digest}"
        with self.http.stream(path, self.pull_scope, headers) as (answer, parts):
            if answer.status == 404:
                why = f"{self} has no blob {blob.digest}"
                raise UnknownError(why, sure=answer.is_of_registry)
            length = answer.headers.get("content-length", str(blob.size))
            if answer.status == 200 and length != str(blob.size):  # such as some proxy's page
                what = f"{told(length)} bytes for {blob.digest}, which has {blob.size}"
                raise UpstreamError(f"{self} sends {what}")
            skip = start - _first(answer, start)
            if skip < 0:
                raise MethodError(f"{self} sends another part of {blob.digest} than was asked for")
            for part in parts:
                if skip >= len(part):
                    skip -= len(part)
                    continue
                yield part[skip:] if skip else part
                skip = 0

    def serves(self, blob: Blob) -> bool:
        """Whether who may only pull finds it there, and of the size that it has to have."""
        answer = self.http.heads.see(f"{self.base}/blobs/{blob.digest}", self.pull_scope)
        size = answer.headers.get("content-length", str(blob.size))
        return answer.status == 200 and size == str(blob.size)

    def referrers(
        self, digest: Digest, types: Collection[str] = (), *, sure: bool = False
    ) -> list[Digest]:
        """By the API, else by the tag that stands for it: not all that have no API say 404. Those
        of some types alone, or of which nothing says of what type they are. To be `sure`, a 404
        must be a registry's.
        """
        path, read = f"{self.base}/referrers/{digest}", partial(referring, types=types)
        try:
            found = self._pages(path, self.pull_scope, read, "referrers", _FEW)
        except (UnknownError, UnclearError):
            with pages.readable(self, "referrers"):
                found = read({"manifests": self.fallback(digest, sure=sure)})
        return list(dict.fromkeys(found))

    def named_after(self, digest: Digest) -> list[str]:
        """Tags by which cosign names what belongs to a manifest, those that are there."""
        if self.listed is not None:
            return [name for name in attached(digest) if name in self.listed]
        return [name for name in attached(digest) if self.digest_of(name)]

    def tags(self, most: int = pages.MANY) -> list[str]:
        """All of them, of at most so many pages."""
        path = f"{self.base}/tags/list?n={pages.SIZE}"
        return self._pages(path, self.pull_scope, partial(pages.names, what="tags"), "tags", most)

    def tags_behind(self, name: str, most: int) -> list[str]:
        """A page of them: those behind one, in the registry's order."""
        path = f"{self.base}/tags/list?n={most}&last={name}"
        answer = self.http.ask("GET", path, self.pull_scope)
        if answer.status == 404:
            return []
        with pages.readable(self, "tags"):
            return pages.names(parsed(answer.body), "tags")

    def catalogue(self) -> list[str]:
        """Names of all repositories of the registry, those that one may see. Raises as above."""
        self.http.ask("GET", "/v2/", _CATALOGUE)  # who is not logged in is shown what is public
        read = partial(pages.names, what="repositories")
        return self._pages(f"/v2/_catalog?n={pages.SIZE}", _CATALOGUE, read, "repositories")

    def _pages(
        self,
        path: str,
        scope: str,
        page: Callable[[Any], list[T]],
        what: str,
        most: int = pages.MANY,
    ) -> list[T]:
        return pages.read(self.http, path, scope, page, what=what, whose=self, most=most)

    def fallback(self, digest: Digest, *, sure: bool = False) -> list[dict[str, Any]]:
        """What the tag lists that stands for the API; see `referrers`."""
        if self.listed is not None and stand_in(digest) not in self.listed:
            return []
        path = f"{self.base}/manifests/{stand_in(digest)}"
        answer = self.http.ask("GET", path, self.pull_scope, {"accept": ACCEPT})
        if answer.status == 404 and sure and not answer.is_of_registry:
            raise UnknownError(f"{self} has no list of referrers", sure=False)
        if answer.status != 200 or Digest.of(answer.body, digest.algorithm) == digest:
            return []  # GitLab takes such a tag for the digest
        with pages.readable(self, "referrers"):
            found: list[dict[str, Any]] = parsed(answer.body).get("manifests") or []
        return found


def _told_digest(answer: Answer) -> str:
    """What a header says that came; "" where it says nothing that could be."""
    try:
        return str(Digest.parse(answer.headers.get("docker-content-digest", "")))
    except OCIError:
        return ""


def _first(answer: Answer, asked: int) -> int:
    """With which byte of a blob an answer begins; some send all of it and call that a part."""
    if answer.status != 206:
        return 0
    found = _range(answer.headers.get("content-range", ""))
    return int(found[1]) if found else asked


def _joined(reference: str) -> str:
    return f"{'@' if ':' in reference else ':'}{reference}"
