"""Referrers: manifests that name another one as their subject."""

import httpx
import pytest
from tests.content import (
    CONFIG,
    EMPTY,
    OCI_INDEX,
    OCI_MANIFEST,
    Document,
    digest,
    dump,
    image,
    index,
    put_blob,
    put_manifest,
)

from entrepot.oci.descriptor import MAX_SIZE


def referrers(
    client: httpx.Client, repository: str, subject: str, query: str = ""
) -> list[Document]:
    answer = client.get(f"/v2/{repository}/referrers/{subject}{query}")
    assert answer.headers["content-type"] == OCI_INDEX
    document = answer.json()
    assert (document["schemaVersion"], document["mediaType"]) == (2, OCI_INDEX)
    filtered = answer.headers.get("oci-filters-applied")
    assert filtered == ("artifactType" if "artifactType=" in query else None) or query.endswith("=")
    found: list[Document] = document["manifests"]
    return found


def subject_of(digest: str) -> Document:
    return {"mediaType": OCI_MANIFEST, "digest": digest, "size": 3}


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_subject_may_be_missing(client: httpx.Client, repository: str, algorithm: str) -> None:
    put_blob(client, repository, EMPTY)
    subject = digest(b"nowhere", algorithm)
    document = image(subject=subject_of(subject), artifactType="text/sbom", annotations={"a": "b"})
    answer = put_manifest(client, repository, "t", document)
    assert answer.headers["oci-subject"] == subject
    assert referrers(client, repository, subject) == [
        {
            "mediaType": OCI_MANIFEST,
            "digest": digest(dump(document)),
            "size": len(dump(document)),
            "artifactType": "text/sbom",
            "annotations": {"a": "b"},
        }
    ]


def test_nothing_refers(client: httpx.Client, repository: str) -> None:
    for subject in (digest(b"nowhere"), digest(b"nowhere", "sha512")):
        assert referrers(client, repository, subject) == []
        assert referrers(client, repository, subject, "?artifactType=text/x") == []


def test_filter(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, EMPTY)
    subject = digest(b"nowhere")
    own = image(subject=subject_of(subject), artifactType="text/own+x")
    by_config = image(subject=subject_of(subject))
    listing = index(subject=subject_of(subject), artifactType="text/own+x")
    bare = index(subject=subject_of(subject))
    for number, document in enumerate((own, by_config, listing, bare)):
        put_manifest(client, repository, f"t{number}", document)

    def found(query: str) -> list[str]:
        return [d["digest"] for d in referrers(client, repository, subject, query)]

    def digests(*documents: Document) -> list[str]:
        return [digest(dump(document)) for document in documents]

    assert found("") == digests(own, by_config, listing, bare)
    assert found("?artifactType=") == digests(own, by_config, listing, bare)
    assert found("?artifactType=text/own%2Bx") == digests(own, listing)
    assert found(f"?artifactType={CONFIG.replace('+', '%2B')}") == digests(by_config)
    for nothing in ("text/own", "text/%25", "text/own_x", "TEXT/own%2Bx", "%00", "'"):
        assert found(f"?artifactType={nothing}") == []


def test_referrers_belong_to_their_repository(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, EMPTY)
    subject = digest(b"nowhere")
    put_manifest(client, repository, "t", image(subject=subject_of(subject)))
    assert referrers(client, f"{repository}-other", subject) == []
    assert referrers(client, repository, digest(b"nowhere", "sha512")) == []


def test_deleted_referrer_is_listed_no_more(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, EMPTY)
    subject = put_manifest(client, repository, "t", image()).headers["docker-content-digest"]
    document = image(subject=subject_of(subject))
    put_manifest(client, repository, digest(dump(document)), document)
    assert client.delete(f"/v2/{repository}/manifests/{subject}").status_code == 202
    assert len(referrers(client, repository, subject)) == 1
    client.delete(f"/v2/{repository}/manifests/{digest(dump(document))}")
    assert referrers(client, repository, subject) == []


def test_the_largest_subject(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, EMPTY)
    subject = {**subject_of(digest(b"nowhere")), "size": MAX_SIZE}
    put_manifest(client, repository, "t", image(subject=subject))
