"""`RegistryRepository`: a repository of any registry, read and written.

Source: OCI Distribution Specification, "Push", "Deleting Tags", "Referrers Tag Schema".
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import urljoin

from entrepot.oci import media
from entrepot.oci.digest import CANONICAL, Digest
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
    UpstreamError,
    told,
)
from entrepot.upstream.readable import ACCEPT, ReadableRepository
from entrepot.upstream.referring import stand_in

Mark = Callable[[str], Mapping[str, str]]
"""From a tag to headers of requests that move it."""


def unmarked(_: str) -> Mapping[str, str]:
    """Says nothing of itself."""
    return {}


class RegistryRepository(ReadableRepository):
    """One that images are pushed to, too."""

    def __init__(self, http: Http, name: Repository, mark: Mark = unmarked) -> None:
        super().__init__(http, name)
        self._mark = mark
        self._push = f"repository:{name}:pull,push"
        self.kept: dict[str, str] = {}
        """By tag, what the registry kept there in place of what was to be written."""

    def has_manifest(self, digest: Digest) -> bool:
        """Whether it is there."""
        path = f"{self.base}/manifests/{digest}"
        return self.http.heads.see(path, self._push, {"accept": ACCEPT}).status == 200

    def has_blob(self, blob: Blob) -> bool:
        """Whether it is there."""
        return self.http.heads.see(f"{self.base}/blobs/{blob.digest}", self._push).status == 200

    def mount(self, blob: Blob, source: Source) -> bool:
        """Have it from another repository of the same registry."""
        if not isinstance(source, ReadableRepository) or source.http is not self.http:
            return False
        path = f"{self.base}/blobs/uploads/?mount={blob.digest}&from={source.name}"
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
            begun = self.http.ask("POST", f"{self.base}/blobs/uploads/", self._push)
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
        path, digest = f"{self.base}/manifests/", manifest.digest

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
        path = f"{self.base}/manifests/"
        scope = f"repository:{self.name}:pull,push,delete"
        self.http.heads.see(f"{path}{tag}", scope, {"accept": ACCEPT})  # so it has logged in
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

    def _list_referrer(self, manifest: Manifest, subject: Digest) -> None:
        """Source: OCI Distribution Specification, "Referrers Tag Schema"."""
        listed = self.fallback(subject)
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
        return urljoin(f"{self.http.origin}{self.base}/", answer.headers.get("location", ""))
