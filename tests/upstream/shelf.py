"""A registry that keeps what is pushed in memory, and remembers what it was asked.

As docker-registry it lists no referrers, and knows its digests by SHA-256 alone.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.content import digest, dump
from tests.upstream.scripted import Asked, Say, Scripted, scripted


@dataclass
class Shelf:
    """What it has, by the names of repositories."""

    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)
    """By tags and digests: bytes and their type."""
    put: list[str] = field(default_factory=list)
    """References of manifests in the order in which they came."""
    gate: threading.Event | None = None
    """What it waits for before it takes a manifest."""

    def answer(self, asked: Asked) -> Say:
        path, _, query = asked.path.partition("?")
        name, _, rest = path.removeprefix("/v2/").partition("/blobs/")
        if rest:
            return self._blob(asked, name, rest, query)
        name, _, reference = path.removeprefix("/v2/").partition("/manifests/")
        if reference:
            return self._manifest(asked, name, reference)
        if not path.endswith("/tags/list"):
            return Say(404)
        name = path.removeprefix("/v2/").removesuffix("/tags/list")
        tags = sorted(tag for at, tag in self.manifests if at == name and ":" not in tag)
        return Say(200, dump({"name": name, "tags": tags}))

    def _blob(self, asked: Asked, name: str, what: str, query: str) -> Say:
        if asked.method == "POST":
            return Say(202, headers={"location": f"/v2/{name}/blobs/uploads/1"})
        if asked.method == "PUT":
            self.blobs[name, query.partition("digest=")[2]] = asked.body
            return Say(201)
        content = self.blobs.get((name, what))
        return Say(404) if content is None else Say(200, content)

    def _manifest(self, asked: Asked, name: str, reference: str) -> Say:
        if asked.method == "PUT":
            if self.gate is not None:
                self.gate.wait(60)
            kept = asked.body, asked.headers["content-type"]
            self.manifests[name, reference] = self.manifests[name, digest(asked.body)] = kept
            self.put.append(reference)
            return Say(201, headers={"docker-content-digest": digest(asked.body)})
        found = self.manifests.get((name, reference))
        if found is None:
            return Say(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
        content, kind = found
        return Say(200, content, {"content-type": kind, "docker-content-digest": digest(content)})


@contextmanager
def shelf() -> Iterator[tuple[Shelf, Scripted]]:
    made = Shelf()
    with scripted(made.answer) as server:
        yield made, server
