"""An upstream that can be broken in many ways, and what it has."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from tests.content import EMPTY, OCI_INDEX, OCI_MANIFEST, Document, digest, dump, image, index
from tests.upstream.scripted import Asked, Say, Scripted, scripted

LAYER = Random(7).randbytes(3_000_000)
SMALL = Random(8).randbytes(3_000)
LACKS = Say(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}')
IMAGE = image(LAYER, SMALL)
MANIFEST = dump(IMAGE)
OTHER = dump(image(SMALL))
INDEX = index(IMAGE, image(SMALL))


@dataclass
class Shop:
    """What it has, and how it does."""

    tags: dict[str, bytes] = field(default_factory=lambda: {"1": MANIFEST})
    manifests: list[bytes] = field(default_factory=lambda: [MANIFEST, OTHER, dump(INDEX)])
    referrers: list[Document] = field(default_factory=list)
    page: int = 100
    """Entries of a page of referrers."""
    blobs: list[bytes] = field(default_factory=lambda: [EMPTY, LAYER, SMALL])
    says: Say | None = None
    """What it answers whatever it is asked."""
    lies: dict[str, bytes] = field(default_factory=dict)
    """What it sends for a digest instead."""
    cut: int = 0
    """Bytes after which it breaks off a large blob."""
    gate: threading.Event | None = None
    """What it waits for before it sends a large blob."""
    halt: int = 0
    """Bytes of such a blob that it sends before that."""

    headers: dict[str, str] = field(default_factory=dict)
    """What it says with each manifest."""
    hangs: threading.Event | None = None
    """What it waits for before it answers anything."""

    def answer(self, asked: Asked) -> Say:
        if self.hangs is not None:
            self.hangs.wait(20)
        if self.says is not None:
            return self.says
        kind, _, name = asked.path.partition("?")[0].rpartition("/")
        if kind.endswith("/tags"):
            return Say(200, dump({"name": "team/app", "tags": sorted(self.tags, reverse=True)}))
        if kind.endswith("/referrers"):
            return self._referrers(asked.path)
        if kind.endswith("/manifests"):
            return self._manifest(name)
        for blob in self.blobs:
            if digest(blob) == name:
                return self._blob(asked, self.lies.get(name, blob))
        return Say(404)

    def _referrers(self, path: str) -> Say:
        path, _, after = path.partition("?after=")
        start, end = int(after or 0), int(after or 0) + self.page
        headers = {"content-type": OCI_INDEX}
        if end < len(self.referrers):
            headers["link"] = f'<{path}?after={end}>; rel="next"'
        return Say(200, dump(index(*self.referrers[start:end])), headers)

    def _manifest(self, name: str) -> Say:
        named = {digest(each): each for each in self.manifests}
        content = self.tags.get(name, named.get(name))
        if content is None:
            return LACKS
        kind = OCI_INDEX if b'"manifests"' in content else OCI_MANIFEST
        headers = {"content-type": kind, "docker-content-digest": digest(content), **self.headers}
        return Say(200, self.lies.get(digest(content), content), headers)

    def _blob(self, asked: Asked, content: bytes) -> Say:
        start = int(asked.headers.get("range", "bytes=0-")[6:-1])
        rest = content[start:]
        if self.gate is not None and asked.method == "GET" and len(content) > 10_000:
            if self.halt > start:
                return Say(200, rest, halt=self.halt - start, gate=self.gate)
            self.gate.wait(20)
        cut = self.cut if len(rest) > self.cut else 0
        return Say(206 if start else 200, rest, cut=cut)


@contextmanager
def opened() -> Iterator[tuple[Shop, Scripted]]:
    shop = Shop()
    with scripted(shop.answer) as server:
        yield shop, server
