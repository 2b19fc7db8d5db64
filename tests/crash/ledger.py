"""`Ledger`: what one client was told, and so what must be there after a crash.

Before a request is sent, whatever it may change is in doubt; once it is answered it is known. So
what the ledger knows when the registry is killed is exactly what was acknowledged.
"""

from dataclasses import dataclass, field

from tests.crash.connection import Connection
from tests.crash.content import MANIFEST, Content, digest_of
from tests.crash.ways import finish

_MANIFEST = {"Accept": MANIFEST}


@dataclass
class Upload:
    content: Content
    size: int
    """Bytes that the registry has said it has."""
    ending: bool = False
    """Its last request was sent, and not answered."""


@dataclass
class Ledger:
    repository: str
    blobs: dict[tuple[str, str], Content] = field(default_factory=dict)
    """By repository and digest."""
    manifests: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, list[str | None]] = field(default_factory=dict)
    """The digest acknowledged last, None for no tag, then what was asked for since."""
    gone: set[str] = field(default_factory=set)
    """Paths whose deletion was acknowledged."""
    uploads: dict[str, Upload] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    """Digests of blobs that some manifest may have."""

    def path(self, kind: str, reference: str) -> str:
        return f"/v2/{self.repository}/{kind}/{reference}"

    def verify(self, at: Connection) -> None:
        """Compare with what the registry says now; then nothing is in doubt any more."""
        for (repository, digest), content in self.blobs.items():
            answer = at.expect(200, "GET", f"/v2/{repository}/blobs/{digest}")
            assert answer.body == content.data, f"other bytes in {digest}"
        for digest, manifest in self.manifests.items():
            answer = at.expect(200, "GET", self.path("manifests", digest), headers=_MANIFEST)
            assert answer.body == manifest
        for path in self.gone:
            at.expect(404, "HEAD", path)
        for tag in self.tags:
            self._verify_tag(at, tag)
        for location, upload in self.uploads.items():
            self._resume(at, location, upload)
        self.uploads.clear()

    def _verify_tag(self, at: Connection, tag: str) -> None:
        answer = at.ask("GET", self.path("manifests", tag), headers=_MANIFEST)
        found = None if answer.status == 404 else digest_of(answer.body)
        assert found in self.tags[tag], (tag, found, self.tags[tag])
        self.tags[tag] = [found]
        if found is not None:
            self.manifests[found] = answer.body

    def _resume(self, at: Connection, location: str, upload: Upload) -> None:
        """Go on from where the registry says; what comes out must be the whole content.

        An upload that had no bytes yet may be forgotten.
        """
        answer = at.ask("GET", location)
        if answer.status == 404:
            assert upload.ending or not upload.size, (
                f"{location} had {upload.size} bytes and is gone"
            )
            return
        assert answer.status == 204
        assert upload.size <= answer.size <= upload.content.size
        finish(at, location, upload.content, upload.content.data[answer.size :])
        self.blobs[self.repository, upload.content.digest] = upload.content
