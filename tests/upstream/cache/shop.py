"""An upstream that can be broken in many ways, and what it has."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from tests.content import (
    EMPTY,
    OCI_INDEX,
    OCI_MANIFEST,
    Document,
    descriptor,
    digest,
    dump,
    image,
    index,
)
from tests.upstream.scripted import HANGS, Asked, Say, Scripted, scripted

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
    referrers: list[bytes] = field(default_factory=list)
    """Manifests that it lists for what they refer to."""
    has_api: bool = True
    """Whether it lists them itself; else by a tag that stands for it."""
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
    parts: int = 206
    """What it answers to who asks for a part of a blob."""
    no_heads: int = 0
    """What it answers to HEAD, where it knows no such thing."""
    hangs: threading.Event | None = None
    """What it waits for before it answers anything."""
    ends: tuple[str, ...] = ("",)
    """How paths end for which it hangs, or says whatever it says."""

    def answer(self, asked: Asked) -> Say:
        troubled = asked.path.endswith(self.ends)
        if self.hangs is not None and troubled:
            self.hangs.wait(HANGS)
        if self.says is not None and troubled:
            return self.says
        if asked.path == "/v2/":
            return Say(200, b"{}")
        if self.no_heads and asked.method == "HEAD":
            return Say(self.no_heads)
        kind, _, name = asked.path.partition("?")[0].rpartition("/")
        if kind.endswith("/tags"):
            return Say(200, dump({"name": "team/app", "tags": sorted(self.tags, reverse=True)}))
        if kind.endswith("/referrers"):
            return self._referrers(asked.path, name) if self.has_api else Say(404)
        if kind.endswith("/manifests"):
            return self._manifest(name)
        for blob in self.blobs:
            if digest(blob) == name:
                return self._blob(asked, self.lies.get(name, blob))
        return Say(404)

    def _referrers(self, path: str, subject: str) -> Say:
        path, _, after = path.partition("?after=")
        start, end = int(after or 0), int(after or 0) + self.page
        headers, found = {"content-type": OCI_INDEX}, self._entries(subject)
        if end < len(found):
            headers["link"] = f'<{path}?after={end}>; rel="next"'
        return Say(200, dump({**index(), "manifests": found[start:end]}), headers)

    def _entries(self, subject: str) -> list[Document]:
        found = []
        for content in self.referrers:
            document = json.loads(content)
            if document.get("subject", {}).get("digest") == subject:
                kind = document.get("artifactType") or document["config"]["mediaType"]
                found.append(descriptor(content, OCI_MANIFEST, artifactType=kind))
        return found

    def _manifest(self, name: str) -> Say:
        named = {digest(each): each for each in self.manifests}
        content = self.tags.get(name, named.get(name))
        if content is None and not self.has_api and (listed := self._entries(_subject(name))):
            content = dump({**index(), "manifests": listed})
        if content is None:
            return LACKS
        kind = OCI_INDEX if b'"manifests"' in content else OCI_MANIFEST
        headers = {"content-type": kind, "docker-content-digest": digest(content), **self.headers}
        return Say(200, self.lies.get(digest(content), content), headers)

    def _blob(self, asked: Asked, content: bytes) -> Say:
        start = int(asked.headers.get("range", "bytes=0-")[6:-1])
        rest = content[start:]
        cut = self.cut if len(rest) > self.cut else 0
        if self.gate is not None and asked.method == "GET" and len(content) > 10_000:
            if self.halt > start:
                return Say(200, rest, cut=cut, halt=self.halt - start, gate=self.gate)
            self.gate.wait(HANGS)
        if start and self.parts != 206:
            return Say(self.parts)
        return Say(206 if start else 200, rest, cut=cut)


def _subject(tag: str) -> str:
    return tag.replace("-", ":", 1)


@contextmanager
def opened() -> Iterator[tuple[Shop, Scripted]]:
    shop = Shop()
    with scripted(shop.answer) as server:
        yield shop, server
