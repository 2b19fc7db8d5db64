"""What SQL might take for a pattern, or for SQL, is text (CVE-2026-110697)."""

import httpx
import pytest
from tests.content import image, put_blob, put_image, put_manifest
from tests.served import Serve

NAMES = ["a_b", "a-b", "axb", "ab", "a__b", "a.b"]


def test_cve_2026_110697_names_with_wildcards(serve: Serve) -> None:
    client = serve().client
    for name in NAMES:
        put_image(client, name, f"only.{name}")
    for name in NAMES:
        assert client.get(f"/v2/{name}/tags/list").json()["tags"] == [f"only.{name}"]
    made = client.get("/v2/a_b/manifests/only.a_b").headers["docker-content-digest"]
    assert client.delete(f"/v2/a_b/manifests/{made}").status_code == 202
    for name in NAMES[1:]:
        assert client.get(f"/v2/{name}/manifests/only.{name}").status_code == 200


def test_cve_2026_110697_tags_with_wildcards(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, b"{}")
    tags = ["_", "__", "1_0", "1x0", "1-0", "1.0"]
    for tag in tags:
        put_manifest(client, repository, tag, image(annotations={"tag": tag}))
    for gone in ("_", "1_0"):
        assert client.delete(f"/v2/{repository}/manifests/{gone}").status_code == 202
    left = client.get(f"/v2/{repository}/tags/list").json()["tags"]
    assert left == sorted(set(tags) - {"_", "1_0"})


@pytest.mark.parametrize(
    "text", ["%", "_", "a%", "\\", "'", '"', "' or 1=1 --", "\x00", "a\x00b", "*", "?", "[a-z]"]
)
def test_last_is_no_pattern(client: httpx.Client, repository: str, text: str) -> None:
    put_image(client, repository, "tag")
    answer = client.get(f"/v2/{repository}/tags/list", params={"last": text})
    assert answer.json()["tags"] == (["tag"] if text < "tag" else [])
    listed = client.get("/v2/_catalog", params={"last": text, "n": 1000}).json()["repositories"]
    assert all(name > text for name in listed)
    assert (repository in listed) is (repository > text)


@pytest.mark.parametrize("text", ["%", "text/_", "text/%", "' or 1=1 --", "text/x' --", "\x00"])
def test_artifact_type_is_no_pattern(client: httpx.Client, repository: str, text: str) -> None:
    made = put_image(client, repository, "tag")
    subject = {"mediaType": "a/b", "digest": made, "size": 0}
    put_manifest(client, repository, "x", image(subject=subject, artifactType="text/x"))
    answer = client.get(f"/v2/{repository}/referrers/{made}", params={"artifactType": text})
    assert answer.json()["manifests"] == []


@pytest.mark.parametrize("text", ["nobody' or '1'='1", "a%", "_____"])
def test_mount_from_a_pattern(client: httpx.Client, repository: str, text: str) -> None:
    found = put_blob(client, repository, b"here")
    wanted = {"mount": found, "from": text}
    answer = client.post(f"/v2/{repository}-other/blobs/uploads/", params=wanted)
    assert answer.status_code == 202
