"""What every server holds before it is measured: one image of small layers and a large one."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from .content import Content, Variant
from .server import Server
from .transfers import OCTETS, fetch, finish, push
from .wire import Connection

REPOSITORY = "bench/app"
TAG = "1.0"
PROJECTS = "/api/v1/projects"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
ACCEPT = f"accept: {MANIFEST_TYPE}\r\n"
SMALL = 4096
"""Bytes of a small blob."""
EMPTY = b"{}"
"""The empty descriptor's content, section "Guidance for an Empty Descriptor"."""


@dataclass(frozen=True, slots=True)
class Stock:
    """The image: six small layers and a large one, and the manifest over them."""

    large: Variant
    small: tuple[bytes, ...]
    manifest: bytes

    @property
    def manifest_path(self) -> str:
        """Where the manifest is read by its tag."""
        return f"/v2/{REPOSITORY}/manifests/{TAG}"

    @property
    def small_path(self) -> str:
        """Where one small blob is read."""
        return f"/v2/{REPOSITORY}/blobs/{digest(self.small[0])}"

    @property
    def large_path(self) -> str:
        """Where the large blob is read."""
        return f"/v2/{REPOSITORY}/blobs/{self.large.digest}"


def prepare(content: Content) -> Stock:
    """Make an image that no run before had."""
    large = content.variant()
    small = tuple(os.urandom(SMALL) for _ in range(6))
    layers = [descriptor(digest(each), len(each)) for each in small]
    layers.append(descriptor(large.digest, content.size))
    return Stock(large, small, manifest(layers))


def fill(server: Server, stock: Stock, content: Content) -> None:
    """Put the image there, read the large blob back and compare its digest."""
    furnish(server)
    if server.peer.registry:
        _push(server, stock, content)
    else:
        _lay(server.folder / "data", stock, content)
    fetch(server.port, stock.large_path, content.size, verify=stock.large.digest)
    server.keep()


def furnish(server: Server) -> None:
    """Make the projects where there are any, and start anew, as every later start is."""
    if not server.peer.projects:
        return
    for name, public in server.peer.projects.items():
        project = json.dumps({"name": name, "public": public}).encode()
        with server.connect() as connection:
            kind = "content-type: application/json\r\n"
            connection.request("POST", PROJECTS, headers=kind, body=project).require(201)
    server.stop()
    server.start()


def put_blob(connection: Connection, repository: str, data: bytes) -> None:
    """Push a small blob: POST, then PUT with the whole body."""
    opened = connection.request("POST", f"/v2/{repository}/blobs/uploads/", body=b"").require(202)
    path = finish(opened.location, digest(data))
    connection.request("PUT", path, headers=OCTETS, body=data).require(201)


def put_manifest(connection: Connection, repository: str, reference: str, data: bytes) -> None:
    """Push a manifest."""
    path = f"/v2/{repository}/manifests/{reference}"
    kind = f"content-type: {MANIFEST_TYPE}\r\n"
    connection.request("PUT", path, headers=kind, body=data).require(201)


def manifest(layers: list[dict[str, str | int]], config: bytes = EMPTY) -> bytes:
    """Return a manifest over these layers, its config an artifact's empty one."""
    value = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": "application/vnd.entrepot.bench.v1",
        "config": descriptor(digest(config), len(config), "application/vnd.oci.empty.v1+json"),
        "layers": layers,
    }
    return json.dumps(value, separators=(",", ":")).encode()


def descriptor(
    name: str, size: int, media_type: str = "application/vnd.oci.image.layer.v1.tar+gzip"
) -> dict[str, str | int]:
    """Return a descriptor as it stands in a manifest."""
    return {"mediaType": media_type, "digest": name, "size": size}


def digest(data: bytes) -> str:
    """Return the sha256 digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _push(server: Server, stock: Stock, content: Content) -> None:
    with server.connect() as connection:
        for data in (EMPTY, *stock.small):
            put_blob(connection, REPOSITORY, data)
        push(connection, REPOSITORY, content, stock.large, chunked=False)
        put_manifest(connection, REPOSITORY, TAG, stock.manifest)


def _lay(root: Path, stock: Stock, content: Content) -> None:
    blobs = root / "v2" / REPOSITORY / "blobs"
    manifests = root / "v2" / REPOSITORY / "manifests"
    blobs.mkdir(parents=True)
    manifests.mkdir(parents=True)
    (manifests / TAG).write_bytes(stock.manifest)
    for data in stock.small:
        (blobs / digest(data)).write_bytes(data)
    with (blobs / stock.large.digest).open("wb") as file:
        content.save(file.fileno(), stock.large)
        os.fsync(file.fileno())
