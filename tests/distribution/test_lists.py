"""Lists in pages: whatever `n` is, walking to the end drops nothing and doubles nothing."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.content import OCI_MANIFEST, dump, image, put_blob, put_image, put_manifest
from tests.served import Serve, codes

from entrepot.db import engine, manifests
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository, Tag

TAGS = sorted(["1", "10", "2", "a", "A", "B", "_", "latest", "v1.0", "v1-0", "v1_0", "x" * 128])


@pytest.fixture
def tagged(client: httpx.Client, repository: str) -> str:
    put_blob(client, repository, b"{}")
    for tag in TAGS:
        put_manifest(client, repository, tag, image())
    return f"/v2/{repository}/tags/list"


def pages(client: httpx.Client, address: str) -> Iterator[Any]:
    following: str | None = address
    while following is not None:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        following = answer.links.get("next", {}).get("url")


@pytest.mark.parametrize("n", ["1", "2", "3", "11", "12", "13", "1000", "1001", "", "000000000001"])
def test_tags_in_pages(client: httpx.Client, tagged: str, n: str) -> None:
    found = list(pages(client, f"{tagged}?n={n}"))
    assert [tag for page in found for tag in page["tags"]] == TAGS
    if n in {"1", "2", "3", "11"}:
        assert {len(page["tags"]) for page in found[:-1]} == {int(n)}


@pytest.mark.parametrize("n", ["1000000000000000000", "9" * 4000])
def test_endless_n_is_a_page(client: httpx.Client, tagged: str, n: str) -> None:
    answer = client.get(tagged, params={"n": n})
    assert answer.json()["tags"] == TAGS
    assert "link" not in answer.headers


def test_n_of_zero_is_an_empty_page(client: httpx.Client, tagged: str) -> None:
    answer = client.get(f"{tagged}?n=0")
    assert answer.json()["tags"] == []
    assert "link" not in answer.headers


@pytest.mark.parametrize(
    "n", ["-1", "1.5", "ten", "0x10", "1e3", "%B2", "%D9%A1", "+1", "1_0", "%00"]
)
@pytest.mark.parametrize("address", ["/v2/_catalog", "tags"])
def test_n_that_is_no_number(client: httpx.Client, tagged: str, address: str, n: str) -> None:
    answer = client.get(f"{tagged if address == 'tags' else address}?n={n}")
    assert (answer.status_code, codes(answer.content)) == (400, ["PAGINATION_NUMBER_INVALID"])


@pytest.mark.parametrize(
    "last", ["", "0", "1", "A", "B", "a", "latest", "nothing", "zzz", "é", "\x00", "%", "_", "'"]
)
def test_last(client: httpx.Client, tagged: str, last: str) -> None:
    answer = client.get(tagged, params={"last": last})
    assert answer.json()["tags"] == [tag for tag in TAGS if tag > last]


@pytest.mark.parametrize("n", [1, 2, 5])
def test_catalog_in_pages(serve: Serve, n: int) -> None:
    client = serve().client
    names = sorted(["a", "a/b", "a-b", "a.b", "a_b", "a__b", "ab", "b/c/d"])
    for name in names:
        put_image(client, name, "latest")
    put_blob(client, "only/a/blob", b"1")
    found = [name for page in pages(client, f"/v2/_catalog?n={n}") for name in page["repositories"]]
    assert found == names


def test_more_tags_and_referrers_than_a_page_holds(serve: Serve) -> None:
    served = serve()
    subject = put_image(served.client, "a", "subject")
    fill(served.folder, subject, 1001)
    tags = list(pages(served.client, "/v2/a/tags/list?n=5000"))
    assert [len(page["tags"]) for page in tags] == [1000, 2]
    for query in ("", "?artifactType=text/x"):
        found = list(pages(served.client, f"/v2/a/referrers/{subject}{query}"))
        assert [len(page["manifests"]) for page in found] == [1000, 1]
        assert len({d["digest"] for page in found for d in page["manifests"]}) == 1001


def fill(folder: Any, subject: str, count: int) -> None:
    """Manifests with a tag each that refer to the subject, straight into the database."""
    reference = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 0}
    with engine.connect(folder) as db:
        db.execute("begin immediate")
        for number in range(count):
            notes = {"number": str(number)}
            document = image(subject=reference, artifactType="text/x", annotations=notes)
            manifest = Manifest.read(dump(document), OCI_MANIFEST)
            tag = Tag.parse(f"n{number}")
            manifests.put(db, Repository.parse("a"), manifest, [tag], sparse=False)
        db.execute("commit")
    db.close()


def test_referrers_with_large_annotations_come_in_small_pages(serve: Serve) -> None:
    client = serve().client
    subject = put_image(client, "a", "subject")
    reference = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 0}
    for number in range(5):
        notes = {"much": f"{number}" * 1_500_000}
        put_manifest(client, "a", f"n{number}", image(subject=reference, annotations=notes))
    found = list(pages(client, f"/v2/a/referrers/{subject}"))
    assert [len(page["manifests"]) for page in found] == [2, 2, 1]
    assert len({d["digest"] for page in found for d in page["manifests"]}) == 5


@pytest.mark.parametrize("after", ["-1", "x", "", "9" * 30, "%00"])
def test_referrers_after_nonsense(client: httpx.Client, repository: str, after: str) -> None:
    subject = put_image(client, repository, "subject")
    put_manifest(client, repository, "one", image(subject=image_of(subject)))
    answer = client.get(f"/v2/{repository}/referrers/{subject}?after={after}")
    assert len(answer.json()["manifests"]) == 1


def image_of(digest: str) -> dict[str, Any]:
    return {"mediaType": OCI_MANIFEST, "digest": digest, "size": 0}
