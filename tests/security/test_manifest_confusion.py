"""A document that two readers could take for two things is refused (CVE-2021-41190)."""

import json

import httpx
import pytest
from tests.content import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    EMPTY,
    OCI_INDEX,
    OCI_MANIFEST,
    Document,
    dump,
    image,
    index,
    put_blob,
    put_image,
    try_manifest,
)
from tests.served import codes


@pytest.fixture
def child(client: httpx.Client, repository: str) -> Document:
    """An image that is here, so that only its parent's form can be wrong."""
    put_image(client, repository, "child")
    return image()


def refused(client: httpx.Client, repository: str, content: bytes, declared: str) -> None:
    answer = try_manifest(client, repository, "t", content, declared)
    assert (answer.status_code, codes(answer.content)) == (400, ["MANIFEST_INVALID"])
    assert client.get(f"/v2/{repository}/manifests/t").status_code == 404


TYPES = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)


@pytest.mark.parametrize("inner", [*TYPES, None])
@pytest.mark.parametrize("declared", [*TYPES, ""])
def test_cve_2021_41190_layers_and_manifests(
    client: httpx.Client, repository: str, child: Document, inner: str | None, declared: str
) -> None:
    both = {**index(child), **image(), "mediaType": inner}
    refused(client, repository, dump(both), declared)
    del both["config"]
    refused(client, repository, dump(both), declared)
    refused(client, repository, dump({**both, "layers": None}), declared)


@pytest.mark.parametrize("inner", TYPES)
@pytest.mark.parametrize("declared", TYPES)
def test_cve_2021_41190_two_media_types(
    client: httpx.Client, repository: str, child: Document, inner: str, declared: str
) -> None:
    document = image() if "manifest.v" in inner else index(child)
    content = dump({**document, "mediaType": inner})
    if inner == declared:
        assert try_manifest(client, repository, "t", content, declared).status_code == 201
    else:
        refused(client, repository, content, declared)


@pytest.mark.parametrize("kind", [OCI_INDEX, DOCKER_LIST])
def test_cve_2021_41190_index_with_a_config(
    client: httpx.Client, repository: str, child: Document, kind: str
) -> None:
    content = dump({**index(child), "mediaType": kind, "config": image()["config"]})
    refused(client, repository, content, kind)


@pytest.mark.parametrize(
    "key",
    ["Layers", "LAYERS", "MANIFESTS", "manifest\u017f", "Config", "mediatype", "SchemaVersion"],
)
def test_keys_that_go_takes_for_others(
    client: httpx.Client, repository: str, child: Document, key: str
) -> None:
    """Go's encoding/json matches names without regard to case, and the last one counts."""
    for document in (image(), index(child)):
        content = dump({**document, key: []})
        refused(client, repository, content, document["mediaType"])
        raw = json.dumps({**document, key: []}, ensure_ascii=False).encode()
        refused(client, repository, raw, document["mediaType"])


@pytest.mark.parametrize("key", ["Digest", "SIZE", "mediatype", "dige\u017ft"])
def test_keys_of_descriptors_that_go_takes_for_others(
    client: httpx.Client, repository: str, child: Document, key: str
) -> None:
    for document, place in ((image(b"x"), "layers"), (index(child), "manifests")):
        document[place][0][key] = "other"
        refused(client, repository, dump(document), document["mediaType"])


@pytest.mark.parametrize("key", ["layers", "config", "mediaType", "schemaVersion"])
def test_keys_that_come_twice(
    client: httpx.Client, repository: str, child: Document, key: str
) -> None:
    content = dump(child)
    for twice in (
        content[:-1] + f', "{key}": []}}'.encode(),
        f'{{"{key}": [],'.encode() + content[1:],
    ):
        refused(client, repository, twice, OCI_MANIFEST)
    escaped = content[:-1] + b', "\\u006c%b": []}' % key[1:].encode()
    if key == "layers":
        refused(client, repository, escaped, OCI_MANIFEST)


@pytest.mark.parametrize("around", [b"\xef\xbb\xbf%b", b"%b{}", b"[%b]", b"/**/%b", b"%b\x00"])
def test_what_is_not_json_to_everyone(client: httpx.Client, repository: str, around: bytes) -> None:
    put_blob(client, repository, EMPTY)
    refused(client, repository, around % dump(image()), OCI_MANIFEST)
