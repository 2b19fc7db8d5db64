"""Deleting: what others need stays, what has gone is gone at once, also where it lay ready."""

import json

import httpx
import pytest
from tests.content import (
    EMPTY,
    OCI_MANIFEST,
    begin,
    digest,
    dump,
    image,
    index,
    put_blob,
    put_image,
    put_manifest,
)
from tests.served import Serve, codes

LAYER = b"x" * 20_000


def delete(client: httpx.Client, address: str) -> tuple[int, list[str]]:
    answer = client.delete(address)
    return answer.status_code, codes(answer.content) if answer.content else []


def test_a_blob_in_use_stays(client: httpx.Client, repository: str) -> None:
    made = put_image(client, repository, "t", LAYER)
    blob = f"/v2/{repository}/blobs/{digest(LAYER)}"
    answer = client.delete(blob)
    assert (answer.status_code, codes(answer.content)) == (403, ["DENIED"])
    assert answer.json()["errors"][0]["detail"] == {"used_by": [made]}
    assert client.get(blob).content == LAYER
    assert delete(client, f"/v2/{repository}/manifests/{made}") == (202, [])
    assert delete(client, blob) == (202, [])
    assert delete(client, blob) == (404, ["BLOB_UNKNOWN"])


def test_a_child_in_use_stays(client: httpx.Client, repository: str) -> None:
    child = put_image(client, repository, "child")
    parent = put_manifest(client, repository, "parent", index(image()))
    below = f"/v2/{repository}/manifests"
    assert delete(client, f"{below}/{child}") == (403, ["DENIED"])
    assert client.get(f"{below}/child").status_code == 200
    assert delete(client, f"{below}/{parent.headers['docker-content-digest']}") == (202, [])
    assert delete(client, f"{below}/{child}") == (202, [])


def test_sparse_may_delete_what_is_in_use(serve: Serve) -> None:
    client = serve(sparse_manifests=True).client
    child = put_image(client, "a", "child", LAYER)
    put_manifest(client, "a", "parent", index(image(LAYER)))
    for address in (f"/v2/a/manifests/{child}", f"/v2/a/blobs/{digest(LAYER)}"):
        assert client.get(address).status_code == 200
        assert delete(client, address) == (202, [])
        assert client.get(address).status_code == 404
    assert client.get("/v2/a/manifests/parent").status_code == 200


def test_a_manifest_takes_its_tags_along(client: httpx.Client, repository: str) -> None:
    made = put_image(client, repository, "a")
    put_image(client, repository, "b")
    put_image(client, repository, "other", config=b"[]")
    below = f"/v2/{repository}/manifests"
    assert delete(client, f"{below}/{made}") == (202, [])
    for gone in ("a", "b", made):
        assert client.get(f"{below}/{gone}").status_code == 404
        assert delete(client, f"{below}/{gone}") == (404, ["MANIFEST_UNKNOWN"])
    assert client.get(f"/v2/{repository}/tags/list").json()["tags"] == ["other"]


def test_a_tag_leaves_its_manifest(client: httpx.Client, repository: str) -> None:
    made = put_image(client, repository, "t")
    below = f"/v2/{repository}/manifests"
    assert delete(client, f"{below}/t") == (202, [])
    assert delete(client, f"{below}/t") == (404, ["MANIFEST_UNKNOWN"])
    assert client.get(f"{below}/{made}").status_code == 200
    assert client.get(f"/v2/{repository}/tags/list").json()["tags"] == []


@pytest.mark.parametrize("size", [100, 100_000])
def test_a_blob_that_another_repository_links_stays_there(
    client: httpx.Client, repository: str, size: int
) -> None:
    content = json.dumps([repository, size]).encode().ljust(size)
    found = put_blob(client, repository, content)
    other = f"/v2/{repository}-other/blobs"
    assert client.post(f"{other}/uploads/", params={"mount": found}).status_code == 201
    assert delete(client, f"/v2/{repository}/blobs/{found}") == (202, [])
    assert client.get(f"/v2/{repository}/blobs/{found}").status_code == 404
    assert client.get(f"{other}/{found}").content == content
    assert delete(client, f"{other}/{found}") == (202, [])
    answer = client.post(f"{other}/uploads/", params={"mount": found})
    assert answer.status_code == 202


@pytest.mark.parametrize("size", [100, 100_000])
def test_deleted_content_can_come_again(client: httpx.Client, repository: str, size: int) -> None:
    for _ in range(3):
        found = put_blob(client, repository, b"a" * size)
        address = f"/v2/{repository}/blobs/{found}"
        assert client.get(address).content == b"a" * size
        assert delete(client, address) == (202, [])
        assert client.get(address).status_code == client.head(address).status_code == 404


def test_referrers_outlive_their_subject(client: httpx.Client, repository: str) -> None:
    made = put_image(client, repository, "t")
    subject = {"mediaType": OCI_MANIFEST, "digest": made, "size": len(dump(image()))}
    put_manifest(client, repository, "sbom", image(subject=subject))
    assert delete(client, f"/v2/{repository}/manifests/{made}") == (202, [])
    assert client.get(f"/v2/{repository}/manifests/sbom").status_code == 200
    assert len(client.get(f"/v2/{repository}/referrers/{made}").json()["manifests"]) == 1


def test_catalog_forgets_an_empty_repository(serve: Serve) -> None:
    client = serve().client
    made = put_image(client, "a", "t")
    begin(client, "b")
    assert client.get("/v2/_catalog").json() == {"repositories": ["a"]}
    client.delete(f"/v2/a/manifests/{made}")
    assert client.get("/v2/_catalog").json() == {"repositories": []}
    put_blob(client, "a", EMPTY)
    put_manifest(client, "a", "t", image())
    assert client.get("/v2/_catalog").json() == {"repositories": ["a"]}
