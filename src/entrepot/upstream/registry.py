"""`RegistryRepository`: a repository of any registry, read and written.

Source: OCI Distribution Specification, "Pull", "Push", "Listing Referrers" with its fallback for
registries that have no such API.
"""

import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urljoin

from entrepot.oci import media
from entrepot.oci.digest import CANONICAL, Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository
from entrepot.upstream.answer import Answer
from entrepot.upstream.http import Http
from entrepot.upstream.place import (
    Blob,
    BrokenError,
    HeldError,
    MethodError,
    RefusedError,
    Source,
    UnclearError,
    UnknownError,
    UpstreamError,
    parsed,
    told,
)

T = TypeVar("T")

_ACCEPT = ", ".join(sorted(media.IMAGES | media.INDEXES))
_COSIGN = (".att", ".sbom", ".sig")
_MANY, _PAGE = 1000, 1000
"""Pages of a list, and names on each; most registries give fewer than they are asked for."""
_FEW = 100
"""Pages of what refers to one manifest."""
_LONGEST_NAME, _LONGEST_TAG = 255, 128
_LIST_SECONDS = 600.0
_CATALOGUE = "registry:catalog:*"

_range = re.compile(r"bytes ([0-9]{1,18})-").match
_next = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?').search


Mark = Callable[[str], Mapping[str, str]]
"""From a tag to headers of requests that move it."""


def unmarked(_: str) -> Mapping[str, str]:
    """Says nothing of itself."""
    return {}


class RegistryRepository:
    """A repository, as one caller sees it."""

    def __init__(self, http: Http, name: Repository, mark: Mark = unmarked) -> None:
        self.http = http
        self.name = name
        self._mark = mark
        self.kept: dict[str, str] = {}
        """By tag, what the registry kept there in place of what was to be written."""
        self.listed: Collection[str] | None = None
        """Its tags, where they were listed a moment ago: then none is looked for by a request."""
        self._base = f"/v2/{name}"
        self.pull_scope = f"repository:{name}:pull"
        """What is asked for at a token service."""
        self._push = f"repository:{name}:pull,push"

    def __str__(self) -> str:
        return f"{self.http.host}/{self.name}"

    def manifest(self, reference: str) -> Manifest:
        """By tag or digest; what comes is what its digest says."""
        path = f"{self._base}/manifests/{reference}"
        answer = self.http.ask("GET", path, self.pull_scope, {"accept": _ACCEPT})
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

    def has_manifest(self, digest: Digest) -> bool:
        """Whether it is there."""
        path = f"{self._base}/manifests/{digest}"
        return self.http.heads.see(path, self._push, {"accept": _ACCEPT}).status == 200

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
        path = f"{self._base}/manifests/{tag}"
        answer = self.http.heads.ask(path, self.pull_scope, {"accept": _ACCEPT})
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
        path = f"{self._base}/blobs/{blob.digest}"
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

    def has_blob(self, blob: Blob) -> bool:
        """Whether it is there."""
        return self.http.heads.see(f"{self._base}/blobs/{blob.digest}", self._push).status == 200

    def serves(self, blob: Blob) -> bool:
        """Whether who may only pull finds it there, and of the size that it has to have."""
        answer = self.http.heads.see(f"{self._base}/blobs/{blob.digest}", self.pull_scope)
        size = answer.headers.get("content-length", str(blob.size))
        return answer.status == 200 and size == str(blob.size)

    def mount(self, blob: Blob, source: Source) -> bool:
        """Have it from another repository of the same registry."""
        if not isinstance(source, RegistryRepository) or source.http is not self.http:
            return False
        path = f"{self._base}/blobs/uploads/?mount={blob.digest}&from={source.name}"
        try:
            answer = self.http.ask("POST", path, f"{self._push} {source.pull_scope}")
        except UpstreamError:  # who may not pull there sends the bytes that it has
            return False
        if answer.status == 202:
            with suppress(UpstreamError):  # many cannot end an upload, and forget it by themselves
                self.http.once("DELETE", self._location(answer), self._push)
        return answer.status == 201

    def put_blob(self, blob: Blob, content: Iterator[bytes]) -> None:
        """Push it in one stream, by two requests as containerd and BuildKit do."""
        with self._able("takes no pushes: it is read-only, or a cache"):
            begun = self.http.ask("POST", f"{self._base}/blobs/uploads/", self._push)
        if begun.status != 202:
            raise UpstreamError(f"{self} takes no uploads: HTTP status {begun.status}")
        headers = {"content-type": media.OCTETS, "content-length": str(blob.size)}
        place = self._location(begun)
        end = f"{place}{'&' if '?' in place else '?'}digest={blob.digest}"
        done = self.http.once("PUT", end, self._push, headers, content)
        if not done.is_done:
            raise BrokenError(f"{self} lost an upload: HTTP status {done.status}")

    def put_manifest(self, manifest: Manifest, tag: str = "") -> None:
        """Push it, by a tag or its digest; where the registry keeps no referrers, list it there."""
        done = self._put(manifest, tag)
        if not done.is_done:
            raise UpstreamError(f"{self} did not take {tag or manifest.digest}")
        self._note_kept(tag, done)
        if manifest.subject is not None and "oci-subject" not in done.headers:
            self._list_referrer(manifest, manifest.subject.digest)

    def _put(self, manifest: Manifest, tag: str) -> Answer:
        """By a tag alone a registry gives it a digest of SHA-256, whatever it had."""
        headers = {"content-type": manifest.media_type, **self._mark(tag)}
        path, digest = f"{self._base}/manifests/", manifest.digest

        def put(reference: str) -> Answer:
            return self.http.once("PUT", path + reference, self._push, headers, manifest.content)

        if tag and digest.algorithm != CANONICAL:
            try:
                done = put(f"{digest}?tag={tag}")
                if done.headers.get("oci-tag") == tag:
                    return done
            except (BrokenError, RefusedError, HeldError):
                raise
            except UpstreamError:  # it knows SHA-256 alone
                pass
        return put(tag or str(digest))

    def delete_tag(self, tag: str) -> None:
        """Take a tag away; where the registry knows no such thing, the manifest, which must have
        no other tag then. Raises `UpstreamError`.
        """
        path = f"{self._base}/manifests/"
        scope = f"repository:{self.name}:pull,push,delete"
        self.http.heads.see(f"{path}{tag}", scope, {"accept": _ACCEPT})  # so it has logged in
        try:
            self._note_kept(tag, self.http.once("DELETE", f"{path}{tag}", scope, self._mark(tag)))
            return
        except (BrokenError, RefusedError, HeldError):
            raise
        except UpstreamError as error:
            digest = self.digest_of(tag)
            if not digest:
                raise
            if any(self.digest_of(x) == digest for x in self.tags() if x != tag):
                why = f"{self} does not delete {tag} alone, and another tag is the same image"
                raise UpstreamError(f"{why} ({error})") from None
        with self._able(f"deletes nothing: have that allowed there, or delete {tag} there by hand"):
            self.http.once("DELETE", f"{path}{digest}", scope)

    @contextmanager
    def _able(self, what: str) -> Iterator[None]:
        """Says of what a registry refuses to all what to do about it."""
        try:
            yield
        except MethodError as error:
            raise MethodError(f"{self} {what} ({error})") from None

    def _note_kept(self, tag: str, answer: Answer) -> None:
        if kept := answer.headers.get("entrepot-kept"):
            self.kept[tag] = told(kept)

    def referrers(
        self, digest: Digest, types: Collection[str] = (), *, sure: bool = False
    ) -> list[Digest]:
        """By the API, else by the tag that stands for it: not all that have no API say 404. Those
        of some types alone, or of which nothing says of what type they are. To be `sure`, a 404
        must be a registry's.
        """
        path, read = f"{self._base}/referrers/{digest}", partial(_referring, types=types)
        try:
            found = self._listed(path, self.pull_scope, "referrers", read, _FEW)
        except (UnknownError, UnclearError):
            with _readable(self, "referrers"):
                found = read({"manifests": self._fallback(digest, sure=sure)})
        return list(dict.fromkeys(found))

    def named_after(self, digest: Digest) -> list[str]:
        """Tags by which cosign names what belongs to a manifest, those that are there."""
        if self.listed is not None:
            return [name for name in attached(digest) if name in self.listed]
        return [name for name in attached(digest) if self.digest_of(name)]

    def tags(self, pages: int = _MANY) -> list[str]:
        """All of them, page after page."""
        path = f"{self._base}/tags/list?n={_PAGE}"
        return self._listed(path, self.pull_scope, "tags", partial(_names, what="tags"), pages)

    def tags_behind(self, name: str, most: int) -> list[str]:
        """A page of them: those behind one, in the registry's order."""
        path = f"{self._base}/tags/list?n={most}&last={name}"
        answer = self.http.ask("GET", path, self.pull_scope)
        if answer.status == 404:
            return []
        with _readable(self, "tags"):
            return _names(parsed(answer.body), "tags")

    def catalogue(self) -> list[str]:
        """Names of all repositories of the registry, those that one may see. Raises as above."""
        self.http.ask("GET", "/v2/", _CATALOGUE)  # who is not logged in is shown what is public
        read = partial(_names, what="repositories")
        return self._listed(f"/v2/_catalog?n={_PAGE}", _CATALOGUE, "repositories", read)

    def _listed(
        self, path: str, scope: str, what: str, read: Callable[[Any], list[T]], pages: int = _MANY
    ) -> list[T]:
        """All pages of a list, each read from its JSON by a function."""
        found: list[T] = []
        end = time.monotonic() + _LIST_SECONDS
        for _ in range(pages):
            if len(found) > pages * _PAGE or time.monotonic() > end:
                break
            answer = self.http.ask("GET", path, scope)
            if answer.status == 404:
                raise UnknownError(f"there is no repository {self}, or you may not see it")
            if "json" not in answer.headers.get("content-type", "json"):
                raise UnclearError(f"{self}: its list of {what} is a page of something else")
            with _readable(self, what):
                found += read(parsed(answer.body))
                link = _next(answer.headers.get("link", ""))
                if link is None:
                    return found
                path = urljoin(answer.url, link[1]).removeprefix(self.http.origin)
        raise UpstreamError(f"{self}: its list of {what} never ends")

    def _fallback(self, digest: Digest, *, sure: bool = False) -> list[dict[str, Any]]:
        if self.listed is not None and stand_in(digest) not in self.listed:
            return []
        path = f"{self._base}/manifests/{stand_in(digest)}"
        answer = self.http.ask("GET", path, self.pull_scope, {"accept": _ACCEPT})
        if answer.status == 404 and sure and not answer.is_of_registry:
            raise UnknownError(f"{self} has no list of referrers", sure=False)
        if answer.status != 200 or Digest.of(answer.body, digest.algorithm) == digest:
            return []  # GitLab takes such a tag for the digest
        with _readable(self, "referrers"):
            found: list[dict[str, Any]] = parsed(answer.body).get("manifests") or []
        return found

    def _list_referrer(self, manifest: Manifest, subject: Digest) -> None:
        """Source: OCI Distribution Specification, "Referrers Tag Schema"."""
        listed = self._fallback(subject)
        if any(each.get("digest") == str(manifest.digest) for each in listed):
            return
        entry = {
            "mediaType": manifest.media_type,
            "digest": str(manifest.digest),
            "size": len(manifest.content),
            "artifactType": manifest.artifact_type,
            "annotations": manifest.annotations or None,
        }
        entry = {key: value for key, value in entry.items() if value is not None}
        index = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [*listed, entry]}
        text = json.dumps(index).encode()
        self.put_manifest(Manifest.read(text, media.OCI_INDEX), stand_in(subject))

    def _location(self, answer: Answer) -> str:
        """Where to go on; the login goes there only while that is the registry itself."""
        return urljoin(f"{self.http.origin}{self._base}/", answer.headers.get("location", ""))


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


@contextmanager
def _readable(there: RegistryRepository, what: str) -> Iterator[None]:
    """Says of a list that is none whose it is."""
    try:
        yield
    except (OCIError, ValueError, KeyError, TypeError, AttributeError):
        raise UpstreamError(f"{there}: its list of {what} cannot be read") from None


def _referring(page: Any, types: Collection[str]) -> list[Digest]:
    return [
        Digest.parse(each["digest"])
        for each in page["manifests"] or ()
        if not types or each.get("artifactType", "") in {*types, ""}
    ]


def _names(page: Any, what: str) -> list[str]:
    """Those of one page. Raises ValueError, KeyError, TypeError."""
    found = [str(each) for each in page[what] or ()]
    if any(len(each) > _LONGEST_NAME for each in found):
        raise ValueError("nothing is called so")
    return found


def attached(digest: Digest) -> list[str]:
    """What cosign calls that which belongs to a manifest, in the order of bytes."""
    names = [f"{digest.algorithm}-{digest.hex}{end}" for end in _COSIGN]
    return [name for name in names if len(name) <= _LONGEST_TAG]


def stand_in(digest: Digest) -> str:
    """The tag that lists what refers to a digest, where there is no API for that.

    Source: OCI Distribution Specification, "Referrers Tag Schema".
    """
    return f"{digest.algorithm}-{digest.hex[:64]}"


def _joined(reference: str) -> str:
    return f"{'@' if ':' in reference else ':'}{reference}"
