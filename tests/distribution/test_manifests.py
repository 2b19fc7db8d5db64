"""Manifests pushed: what is taken, what is refused and why, what the answer says."""

import httpx
import pytest
from tests.content import (
    CONFIG,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    EMPTY,
    FOREIGN,
    LAYER,
    OCI_INDEX,
    OCI_MANIFEST,
    begin,
    descriptor,
    digest,
    dump,
    image,
    index,
    put_blob,
    put_image,
    put_manifest,
    try_manifest,
)
from tests.served import Serve, codes


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("reference", ["tag", "digest"])
def test_push(client: httpx.Client, repository: str, algorithm: str, reference: str) -> None:
    put_blob(client, repository, EMPTY)
    content = dump(image())
    given = "tag" if reference == "tag" else digest(content, algorithm)
    found = digest(content) if reference == "tag" else given
    answer = try_manifest(client, repository, given, content)
    assert answer.status_code == 201
    assert answer.headers["docker-content-digest"] == found
    assert answer.headers["location"] == f"/v2/{repository}/manifests/{found}"
    assert client.get(answer.headers["location"]).content == content


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_push_by_another_digest(client: httpx.Client, repository: str, algorithm: str) -> None:
    put_blob(client, repository, EMPTY)
    wrong = digest(b"another", algorithm)
    answer = try_manifest(client, repository, wrong, dump(image()))
    assert (answer.status_code, codes(answer.content)) == (400, ["DIGEST_INVALID"])
    assert client.get(f"/v2/{repository}/manifests/{wrong}").status_code == 404


def test_all_that_is_missing_is_told_at_once(client: httpx.Client, repository: str) -> None:
    layers = [bytes([i]) * 10 for i in range(20)]
    for layer in layers[::2]:
        put_blob(client, repository, layer)
    answer = try_manifest(client, repository, "t", dump(image(*layers)))
    assert (answer.status_code, codes(answer.content)) == (400, ["MANIFEST_BLOB_UNKNOWN"])
    missing = [digest(EMPTY), *map(digest, layers[1::2])]
    [error] = answer.json()["errors"]
    assert error["detail"] == [{"digest": found} for found in missing]
    assert all(found in error["message"] for found in missing)


def test_missing_children_are_told_at_once(client: httpx.Client, repository: str) -> None:
    children = [image(annotations={"n": str(n)}) for n in range(5)]
    put_blob(client, repository, EMPTY)
    put_manifest(client, repository, "here", children[0])
    answer = try_manifest(client, repository, "t", dump(index(*children)), OCI_INDEX)
    [error] = answer.json()["errors"]
    assert error["detail"] == [{"digest": digest(dump(child))} for child in children[1:]]


@pytest.mark.parametrize("size", [0, 9, 11, 2**62])
def test_wrong_size_of_a_layer(client: httpx.Client, repository: str, size: int) -> None:
    for part in (EMPTY, b"0123456789"):
        put_blob(client, repository, part)
    document = image(b"0123456789")
    document["layers"][0]["size"] = size
    answer = try_manifest(client, repository, "t", dump(document))
    assert (answer.status_code, codes(answer.content)) == (400, ["SIZE_INVALID"])


def test_wrong_size_of_a_child(client: httpx.Client, repository: str) -> None:
    put_image(client, repository, "child")
    document = index(image())
    document["manifests"][0]["size"] += 1
    answer = try_manifest(client, repository, "t", dump(document), OCI_INDEX)
    assert codes(answer.content) == ["SIZE_INVALID"]


@pytest.mark.parametrize(
    "kind", [OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_LIST], ids=lambda kind: kind[16:]
)
def test_media_types(client: httpx.Client, repository: str, kind: str) -> None:
    child = put_image(client, repository, "child")
    document = image() if "manifest.v" in kind else index(image())
    content = dump({**document, "mediaType": kind, "annotations": {"kind": kind}})
    assert try_manifest(client, repository, "t", content, kind).status_code == 201
    answer = client.get(f"/v2/{repository}/manifests/t", headers={"accept": kind})
    assert (answer.headers["content-type"], answer.content) == (kind, content)
    assert child


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"schemaVersion": 1, "fsLayers": []}', ""),
        (b'{"schemaVersion": 1}', OCI_MANIFEST),
        (b"{}", "application/vnd.docker.distribution.manifest.v1+json"),
        (b"{}", "application/vnd.docker.distribution.manifest.v1+prettyjws; charset=utf-8"),
    ],
    ids=["by its version", "in disguise", "v1", "prettyjws"],
)
def test_schema_1_is_refused_with_advice(
    client: httpx.Client, repository: str, content: bytes, kind: str
) -> None:
    answer = try_manifest(client, repository, "t", content, kind)
    assert (answer.status_code, codes(answer.content)) == (400, ["MANIFEST_INVALID"])
    assert "skopeo copy --format v2s2" in answer.text


def test_sparse(serve: Serve) -> None:
    client = serve(sparse_manifests=True).client
    put_blob(client, "a", EMPTY)
    answer = put_manifest(client, "a", "t", image(b"not here", b"nor this"))
    assert answer.headers["warning"] == '299 - "2 of its parts are not in this repository"'
    answer = put_manifest(client, "a", "i", index(image(b"not here", b"nor this"), image(b"no")))
    assert answer.headers["warning"] == '299 - "1 of its parts are not in this repository"'
    assert client.get("/v2/a/manifests/i").status_code == 200


def test_foreign_layers_need_not_be_here(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, EMPTY)
    layer = {**descriptor(b"windows", FOREIGN), "urls": ["https://example.invalid/layer"]}
    answer = put_manifest(client, repository, "t", {**image(), "layers": [layer]})
    assert answer.headers["warning"].startswith('299 - "non-distributable')
    address = f"/v2/{repository}/blobs/{layer['digest']}"
    assert client.get(address).status_code == 404


def test_several_tags_at_once(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, EMPTY)
    content = dump(image())
    tags = ["1", "1.2", "1.2.3", "1"]
    query = "&".join(f"tag={tag}" for tag in tags)
    answer = try_manifest(client, repository, f"{digest(content)}?{query}", content)
    assert answer.headers.get_list("oci-tag") == tags[:3]
    assert client.get(f"/v2/{repository}/tags/list").json()["tags"] == tags[:3]


def test_one_wrong_tag_of_several(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, EMPTY)
    content = dump(image())
    answer = try_manifest(client, repository, f"{digest(content)}?tag=1&tag=-2", content)
    assert (answer.status_code, codes(answer.content)) == (400, ["TAG_INVALID"])
    assert client.get(f"/v2/{repository}/tags/list").json()["tags"] == []


def test_tag_parameter_beside_a_tag_means_nothing(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, EMPTY)
    answer = try_manifest(client, repository, "one?tag=two", dump(image()))
    assert "oci-tag" not in answer.headers
    assert client.get(f"/v2/{repository}/tags/list").json()["tags"] == ["one"]


@pytest.mark.parametrize("kind", ["", f"{OCI_MANIFEST}; charset=utf-8", OCI_MANIFEST.upper()])
def test_content_type_with_more_or_less(client: httpx.Client, repository: str, kind: str) -> None:
    put_blob(client, repository, EMPTY)
    assert try_manifest(client, repository, "t", dump(image()), kind).status_code == 201
    assert client.get(f"/v2/{repository}/manifests/t").headers["content-type"] == OCI_MANIFEST


def test_index_may_list_blobs(client: httpx.Client, repository: str) -> None:
    """Attestations and other content of any type, as the image spec allows."""
    put_blob(client, repository, b"anything")
    document = {**index(), "manifests": [descriptor(b"anything", "application/x.any")]}
    put_manifest(client, repository, "t", document)


def test_a_blob_is_no_manifest(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, b"anything")
    document = {**index(), "manifests": [descriptor(b"anything", OCI_MANIFEST)]}
    answer = try_manifest(client, repository, "t", dump(document), OCI_INDEX)
    assert codes(answer.content) == ["MANIFEST_BLOB_UNKNOWN"]


def test_an_upload_is_no_blob(client: httpx.Client, repository: str) -> None:
    client.patch(begin(client, repository), content=EMPTY)
    answer = try_manifest(client, repository, "t", dump(image()))
    assert codes(answer.content) == ["MANIFEST_BLOB_UNKNOWN"]


def test_data_in_a_descriptor(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, EMPTY)
    good = {**descriptor(EMPTY, CONFIG), "data": "e30="}
    put_manifest(client, repository, "good", {**image(), "config": good})
    for data in ("e30", "YWI=", "", "!", 1, "e30=e30="):
        document = {**image(), "config": {**good, "data": data}}
        answer = try_manifest(client, repository, "bad", dump(document))
        assert codes(answer.content) == ["MANIFEST_INVALID"], data


def test_layers_may_come_twice(client: httpx.Client, repository: str) -> None:
    put_image(client, repository, "t", b"same", b"same", LAYER.encode())
