"""Near-valid nonsense for some seconds: no 500, no standstill, no damage; every error has its body.

`ENTREPOT_FUZZ_SEED` repeats a run, `ENTREPOT_FUZZ_SECONDS` makes a longer one.
"""

import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.content import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    EMPTY,
    OCI_INDEX,
    OCI_MANIFEST,
    descriptor,
    digest,
    dump,
    image,
    index,
    put_image,
)
from tests.registry import Registry, serving
from tests.served import codes

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.db import engine
from entrepot.upkeep.check import findings

SECONDS = float(os.environ.pop("ENTREPOT_FUZZ_SECONDS", "6"))
SEED = int(os.environ.pop("ENTREPOT_FUZZ_SEED", str(random.getrandbits(32))))

NAMES = ["a", "a/b", "library/alpine", "A", "a//b", "..", "a_b", "a" * 256, "%00", "é", "_catalog"]
FITTING = {
    "uploads": ["GET", "PATCH", "PATCH", "PUT", "PUT", "DELETE"],
    "manifests": ["GET", "PUT", "PUT", "DELETE"],
    "blobs": ["GET", "HEAD", "DELETE"],
}
TAGS = ["latest", "1.0", "-", "x" * 129, "%2e%2e", "a b", "a%0d%0a", "list", "0" * 32]
METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
TYPES = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, "text/html", "", "a/b; c=d", "*/*"]
BLOBS = [EMPTY, b"", b"x" * 100, os.urandom(20_000), os.urandom(200_000)]


class Fuzzer:
    """Makes requests out of the right parts in the wrong places."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.locations = [f"/v2/a/blobs/uploads/{'0' * 32}"]

    def digest(self) -> str:
        text = digest(self.random.choice(BLOBS), self.random.choice(["sha256", "sha512"]))
        return self.random.choice([text, text, text, text[:-1], text.upper(), "sha256:", "md5:0"])

    def path(self) -> str:
        pick = self.random.choice
        name = pick([*["a", "a/b"] * 15, *NAMES])
        reference = pick([*["latest", "1.0"] * 3, *TAGS, *(self.digest() for _ in range(6))])
        return pick(
            [
                f"/v2/{name}/manifests/{reference}",
                f"/v2/{name}/manifests/{reference}",
                f"/v2/{name}/blobs/{self.digest()}",
                f"/v2/{name}/blobs/uploads/",
                f"/v2/{name}/referrers/{self.digest()}",
                f"/v2/{name}/tags/list",
                "/v2/_catalog",
                f"/v2/{name}/{reference}",
                pick(self.locations),
                pick(self.locations),
            ]
        )

    def method(self, path: str) -> str:
        """Mostly one that the path knows."""
        known = next((FITTING[word] for word in FITTING if word in path), ["GET"])
        if path.endswith("uploads/"):
            known = ["POST"]
        return self.random.choice(known * 10 + METHODS)

    def query(self) -> str:
        pairs = [
            f"digest={self.digest()}",
            f"digest={digest(self.random.choice(BLOBS))}",
            f"mount={self.digest()}&from={self.random.choice(NAMES)}",
            f"n={self.random.choice(['0', '1', '-1', '9' * 30, 'x', ''])}",
            f"last={self.random.choice([*NAMES, *TAGS])}",
            f"tag={self.random.choice(TAGS)}",
            f"artifactType={self.random.choice(['a/b', '%', ''])}",
            "digest-algorithm=sha512",
            "&".join(["a=b"] * 70),
            "%ff=%00",
        ]
        chosen = self.random.sample(pairs, self.random.choice([0, 1, 1, 1, 2]))
        return "?" + "&".join(chosen) if chosen else ""

    def headers(self) -> dict[str, str]:
        number = self.random.choice(["0", "1", "99", "100", "20000", "9" * 25, "x", "-1"])
        offers = {
            "range": f"bytes={number}-{self.random.choice(['', '5', '200000'])}",
            "content-range": f"{number}-{self.random.choice(['99', '199', '20099', 'x'])}",
            "if-none-match": f'"{self.digest()}"',
            "if-range": f'"{self.digest()}"',
            "accept": self.random.choice(TYPES),
            "content-type": self.random.choice(TYPES),
            "x-request-id": self.random.choice(["a", "a b", "x" * 70]),
            "expect": "100-continue",
            "connection": self.random.choice(["close", "keep-alive", "upgrade"]),
        }
        return dict(self.random.sample(sorted(offers.items()), self.random.randint(0, 3)))

    def body(self) -> bytes:
        blob = self.random.choice(BLOBS)
        document = self.random.choice([image(), image(blob), index(image()), index(index())])
        document = document | {"subject": descriptor(blob)} | {"annotations": {"a": "b"}}
        if self.random.random() < 0.3:
            document[self.random.choice(sorted(document))] = self.random.choice([None, 1, [], {}])
        content = self.random.choice([blob, dump(document), dump(document), b""])
        if self.random.random() < 0.15 and content:
            at = self.random.randrange(len(content))
            content = content[:at] + self.random.randbytes(2) + content[at + 1 :]
        return content

    def raw(self) -> bytes:
        """A request as bytes, some of them wrong, some missing."""
        body = self.body()
        lines = [f"{self.random.choice(METHODS)} {self.path()}{self.query()} HTTP/1.1", "host: t"]
        lines += [f"{name}: {value}" for name, value in self.headers().items()]
        lines.append(f"content-length: {len(body)}")
        whole = "\r\n".join([*lines, "", ""]).encode() + body
        return whole[: self.random.randrange(len(whole))] if self.random.random() < 0.5 else whole


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """With a collector that is always at work; `serving` looks for tracebacks in its log."""
    with serving(tmp_path, upkeep_pause=1) as registry:
        yield registry


def ask(client: httpx.Client, fuzzer: Fuzzer) -> None:
    path = fuzzer.path()
    method, target, body = fuzzer.method(path), path + fuzzer.query(), fuzzer.body()
    content = iter([body[:100], body[100:]]) if fuzzer.random.random() < 0.3 else body
    try:
        answer = client.request(method, target, headers=fuzzer.headers(), content=content)
    except (httpx.LocalProtocolError, httpx.InvalidURL):  # too wrong for the client itself
        return
    except httpx.TransportError:  # the server may hang up on a body that it does not want
        return
    assert answer.status_code < 500, (method, target, answer.text)
    if answer.status_code >= 400 and method != "HEAD":
        assert codes(answer.content), (method, target)
    if answer.status_code == 202 and "docker-upload-uuid" in answer.headers:
        fuzzer.locations = [answer.headers["location"], *fuzzer.locations[:9]]


def shout(registry: Registry, fuzzer: Fuzzer) -> None:
    host, _, port = registry.address.partition(":")
    address = (host, int(port))
    with socket.create_connection(address, timeout=60) as sock, suppress(ConnectionError):
        sock.sendall(fuzzer.raw())
        if fuzzer.random.random() < 0.5:
            sock.shutdown(socket.SHUT_WR)
            answer = sock.recv(1 << 16)
            assert not answer.startswith(b"HTTP/1.1 5"), answer


def damage(folder: Path) -> list[str]:
    db = engine.connect(folder)
    try:
        found = findings(db, DiskStore(folder_of(folder)), read=True)
        return [f"{finding.subject}: {finding.what}" for finding in found if finding.damage]
    finally:
        db.close()


def test_fuzz(registry: Registry, record_property: Callable[[str, object], None]) -> None:
    print(f"ENTREPOT_FUZZ_SEED={SEED}")
    fuzzer, count = Fuzzer(SEED), 0
    with httpx.Client(base_url=registry.url, timeout=60) as client:
        put_image(client, "a", "latest", *BLOBS)
        put_image(client, "a/b", "1.0")
        end = time.monotonic() + SECONDS
        while time.monotonic() < end or count < 10 * SECONDS:
            ask(client, fuzzer)
            if count % 4 == 0:
                shout(registry, fuzzer)
            count += 1
        record_property("requests", count)
        assert client.get("/readyz").status_code == 200
        made = put_image(client, "after", "latest", BLOBS[-1])
        assert client.get(f"/v2/after/manifests/{made}").status_code == 200
    assert registry.running
    assert damage(registry.data) == []
    log = registry.log.read_text(errors="replace")
    assert '"kind":"error"' not in log.replace(": ", ":"), log[-3000:]
