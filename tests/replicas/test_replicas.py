"""Three replicas behind nginx are one registry, whichever of them each request meets."""

import hashlib
import os
from pathlib import Path

import httpx
import pytest
from tests.conformance.test_conformance import run_suite
from tests.content import dump, image
from tests.replicas.fleet import Fleet

LAYER = os.urandom(3_000_000)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize("sparse", [False], ids=["whole"])
def test_conformance(fleet: Fleet, tmp_path: Path, sparse: bool) -> None:
    run_suite(
        tmp_path,
        {
            "OCI_REGISTRY": fleet.address,
            "OCI_TLS": "disabled",
            "OCI_DATA_SPARSE": str(sparse).lower(),
        },
    )


@pytest.mark.parametrize("cut", [1, 20_000, 1_000_000, 2_999_999])
def test_one_upload_meets_all_of_them(fleet: Fleet, cut: int) -> None:
    """POST, PATCH, PATCH and PUT, each at another replica; the blob is there at each."""
    first, second, third = (each.registry.url for each in fleet.replicas)
    content = LAYER[:-1] + bytes([cut % 251])
    location = httpx.post(f"{first}/v2/across/app/blobs/uploads/").headers["location"]
    for url, start, stop in ((second, 0, cut), (third, cut, len(content))):
        where = {"content-range": f"{start}-{stop - 1}"}
        answer = httpx.patch(url + location, content=content[start:stop], headers=where, timeout=60)
        assert answer.status_code == 202, answer.text
    answer = httpx.put(first + location, params={"digest": digest(content)}, timeout=60)
    assert answer.status_code == 201, answer.text
    for url in (first, second, third):
        found = httpx.get(f"{url}/v2/across/app/blobs/{digest(content)}", timeout=60)
        assert found.content == content


def test_a_tag_that_one_moved_is_seen_by_the_others_at_once(fleet: Fleet) -> None:
    """Whoever was told of a change sees it everywhere."""
    urls = [each.registry.url for each in fleet.replicas]
    for content in (b"{}", b"layer"):
        upload = f"{urls[0]}/v2/moving/app/blobs/uploads/?digest={digest(content)}"
        assert httpx.post(upload, content=content).status_code == 201
    for number in range(60):
        document = image(b"layer") | {"annotations": {"number": str(number)}}
        body, at = dump(document), urls[number % 3]
        kind = {"content-type": document["mediaType"]}
        answer = httpx.put(f"{at}/v2/moving/app/manifests/latest", content=body, headers=kind)
        assert answer.status_code == 201, answer.text
        assert {seen(url) for url in urls} == {digest(body)}


def seen(url: str) -> str:
    found = httpx.head(f"{url}/v2/moving/app/manifests/latest")
    return str(found.headers["docker-content-digest"])
