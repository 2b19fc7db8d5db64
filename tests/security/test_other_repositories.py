"""What one repository has is no other's (CVE-2024-39897, CVE-2026-35172, CVE-2026-32589)."""

import os

import httpx
import pytest
from tests.content import begin, digest, dump, image, put_blob, put_image, try_manifest
from tests.served import codes


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_cve_2024_39897_blob_of_another(
    client: httpx.Client, repository: str, size: int, method: str
) -> None:
    found = put_blob(client, repository, os.urandom(size))
    put_image(client, f"{repository}/below", "t")
    for other in (f"{repository}/below", f"{repository}-unknown", repository.rpartition("/")[0]):
        client.get(f"/v2/{repository}/blobs/{found}")  # lies ready for those who may
        answer = client.request(method, f"/v2/{other}/blobs/{found}")
        assert answer.status_code == 404
        assert "etag" not in answer.headers
    assert client.get(f"/v2/{repository}/blobs/{found}").status_code == 200


def test_unknown_looks_like_another_ones(client: httpx.Client, repository: str) -> None:
    """Nothing in the answer says that the bytes exist elsewhere."""
    elsewhere = put_blob(client, repository, os.urandom(100))
    nowhere = digest(os.urandom(100))
    put_image(client, f"{repository}-other", "t")
    bodies = {
        client.get(f"/v2/{repository}-other/blobs/{found}").text.replace(found, "")
        for found in (elsewhere, nowhere)
    }
    assert len(bodies) == 1


@pytest.mark.parametrize("condition", ["if-none-match", "range", "if-range"])
def test_cve_2026_35172_conditions_prove_nothing(
    client: httpx.Client, repository: str, condition: str
) -> None:
    found = put_blob(client, repository, os.urandom(100))
    value = "bytes=0-1" if condition == "range" else f'"{found}"'
    for other in (f"{repository}-other", repository.replace("attacked", "another")):
        answer = client.get(f"/v2/{other}/blobs/{found}", headers={condition: value})
        assert answer.status_code == 404


def test_manifest_of_another(client: httpx.Client, repository: str) -> None:
    made = put_image(client, repository, "t")
    put_image(client, f"{repository}-other", "other", config=b"[]")
    for reference in ("t", made):
        for method in ("GET", "HEAD", "DELETE"):
            answer = client.request(method, f"/v2/{repository}-other/manifests/{reference}")
            assert answer.status_code == 404
    assert client.get(f"/v2/{repository}/manifests/t").status_code == 200


def test_a_manifest_may_not_refer_to_what_another_has(
    client: httpx.Client, repository: str
) -> None:
    layer = os.urandom(100)
    put_blob(client, repository, layer)
    put_blob(client, f"{repository}-other", b"{}")
    answer = try_manifest(client, f"{repository}-other", "t", dump(image(layer)))
    assert codes(answer.content) == ["MANIFEST_BLOB_UNKNOWN"]


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("size", [10, 100_000])
def test_cve_2026_32589_upload_of_another(
    client: httpx.Client, repository: str, method: str, size: int
) -> None:
    location = begin(client, repository)
    client.patch(location, content=b"x" * size)
    put_image(client, f"{repository}-other", "t")
    stolen = location.replace(repository, f"{repository}-other")
    answer = client.request(method, stolen, params={"digest": digest(b"x" * size)})
    assert (answer.status_code, codes(answer.content)) == (404, ["BLOB_UPLOAD_UNKNOWN"])
    assert client.get(location).headers["range"] == f"0-{size - 1}"


def test_cve_2026_32589_upload_ids_cannot_be_guessed(client: httpx.Client, repository: str) -> None:
    ids = [begin(client, repository).rpartition("/")[2] for _ in range(50)]
    assert len(set(ids)) == 50
    assert all(len(set(column)) > 5 for column in zip(*ids, strict=True))
