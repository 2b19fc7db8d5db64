"""What tests push: blobs, manifests, indexes; and the few requests that pushing them takes."""

import hashlib
import json
from typing import Any

import httpx

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
EMPTY = b"{}"

Document = dict[str, Any]


def digest(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def descriptor(content: bytes, media_type: str = LAYER, **more: Any) -> Document:
    return {"mediaType": media_type, "digest": digest(content), "size": len(content), **more}


def image(*layers: bytes, config: bytes = EMPTY, **more: Any) -> Document:
    return {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, CONFIG),
        "layers": [descriptor(layer) for layer in layers],
        **more,
    }


def index(*manifests: Document, **more: Any) -> Document:
    return {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [descriptor(dump(manifest), manifest["mediaType"]) for manifest in manifests],
        **more,
    }


def dump(document: Document) -> bytes:
    return json.dumps(document).encode()


def put_blob(client: httpx.Client, repository: str, content: bytes, within: str = "sha256") -> str:
    """Push a blob; its digest."""
    found = digest(content, within)
    answer = client.post(
        f"/v2/{repository}/blobs/uploads/", params={"digest": found}, content=content
    )
    assert answer.status_code == 201, answer.text
    return found


def try_manifest(
    client: httpx.Client,
    repository: str,
    reference: str,
    content: bytes,
    media_type: str = OCI_MANIFEST,
) -> httpx.Response:
    """PUT of a manifest, whatever comes of it."""
    return client.put(
        f"/v2/{repository}/manifests/{reference}",
        content=content,
        headers={"content-type": media_type},
    )


def put_manifest(
    client: httpx.Client, repository: str, reference: str, document: Document
) -> httpx.Response:
    """Push a manifest, which must succeed."""
    answer = try_manifest(client, repository, reference, dump(document), document["mediaType"])
    assert answer.status_code == 201, answer.text
    return answer


def put_image(
    client: httpx.Client, repository: str, reference: str, *layers: bytes, **more: Any
) -> str:
    """Push an image with all its parts; its digest."""
    for part in (more.get("config", EMPTY), *layers):
        put_blob(client, repository, part)
    answer = put_manifest(client, repository, reference, image(*layers, **more))
    return answer.headers["docker-content-digest"]


def begin(client: httpx.Client, repository: str, **parameters: str) -> str:
    """Begin an upload; its location."""
    answer = client.post(f"/v2/{repository}/blobs/uploads/", params=parameters)
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]
