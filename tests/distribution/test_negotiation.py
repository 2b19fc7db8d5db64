"""Which manifest a client gets: by tag one that it takes, by digest the very one."""

import httpx
import pytest
from tests.content import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Document,
    descriptor,
    digest,
    dump,
    image,
    index,
    put_blob,
    put_image,
    put_manifest,
)

PLATFORMS = {
    "amd64": ("linux", "amd64"),
    "arm64": ("linux", "arm64"),
    "windows": ("windows", "amd64"),
}


def platform_index(kind: str, *platforms: str) -> Document:
    child = DOCKER_MANIFEST if kind == DOCKER_LIST else OCI_MANIFEST
    listed = []
    for name in platforms:
        system, architecture = PLATFORMS[name]
        entry = descriptor(dump(platform_image(name, child)), child)
        listed.append({**entry, "platform": {"os": system, "architecture": architecture}})
    return {"schemaVersion": 2, "mediaType": kind, "manifests": listed}


def platform_image(name: str, kind: str) -> Document:
    return image(mediaType=kind, annotations={"for": name})


def push(client: httpx.Client, repository: str, kind: str, *platforms: str) -> Document:
    put_blob(client, repository, b"{}")
    for name in platforms:
        child = platform_image(name, DOCKER_MANIFEST if kind == DOCKER_LIST else OCI_MANIFEST)
        put_manifest(client, repository, digest(dump(child)), child)
    made = platform_index(kind, *platforms)
    put_manifest(client, repository, "latest", made)
    return made


# Accept, and what comes by tag: the index or the image for linux/amd64.
ACCEPTED = {
    "": "index",
    "*/*": "index",
    "application/*": "index",
    OCI_INDEX: "index",
    f"{OCI_MANIFEST}, {OCI_INDEX}": "index",
    f"{OCI_INDEX};q=0.5, {OCI_MANIFEST};q=1": "index",
    f"{OCI_MANIFEST}, */*;q=0.1": "index",
    f"{OCI_INDEX} ,text/html": "index",
    "text/html": "index",
    DOCKER_LIST: "index",
    DOCKER_MANIFEST: "index",
    OCI_MANIFEST: "image",
    f"{OCI_MANIFEST};q=0.1": "image",
    f"{DOCKER_MANIFEST}, {OCI_MANIFEST}": "image",
    f"text/html, {OCI_MANIFEST}": "image",
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("accepted", ACCEPTED)
@pytest.mark.parametrize("ready", [False, True])
def test_accept(
    client: httpx.Client, repository: str, accepted: str, method: str, *, ready: bool
) -> None:
    made = push(client, repository, OCI_INDEX, "arm64", "windows", "amd64")
    tag = f"/v2/{repository}/manifests/latest"
    if ready:
        client.get(tag)
    answer = client.request(method, tag, headers={"accept": accepted})
    document = made if ACCEPTED[accepted] == "index" else platform_image("amd64", OCI_MANIFEST)
    assert answer.headers["content-type"] == document["mediaType"]
    assert answer.headers["docker-content-digest"] == digest(dump(document))
    assert answer.headers["etag"] == f'"{digest(dump(document))}"'
    assert answer.headers["vary"] == "Accept"
    assert answer.content == (dump(document) if method == "GET" else b"")


def test_accept_in_several_lines(client: httpx.Client, repository: str) -> None:
    push(client, repository, OCI_INDEX, "amd64")
    lines = [("accept", OCI_MANIFEST), ("accept", OCI_INDEX)]
    for headers in (lines, lines[::-1]):
        answer = client.get(f"/v2/{repository}/manifests/latest", headers=headers)
        assert answer.headers["content-type"] == OCI_INDEX


def test_a_digest_names_one_document(client: httpx.Client, repository: str) -> None:
    made = dump(push(client, repository, OCI_INDEX, "amd64"))
    address = f"/v2/{repository}/manifests/{digest(made)}"
    answer = client.get(address, headers={"accept": OCI_MANIFEST})
    assert (answer.headers["content-type"], answer.content) == (OCI_INDEX, made)


def test_index_without_an_image_for_this_client(client: httpx.Client, repository: str) -> None:
    made = push(client, repository, OCI_INDEX, "arm64", "windows")
    answer = client.get(f"/v2/{repository}/manifests/latest", headers={"accept": OCI_MANIFEST})
    assert answer.content == dump(made)


def test_image_for_a_client_that_takes_indexes_only(client: httpx.Client, repository: str) -> None:
    put_image(client, repository, "latest")
    answer = client.get(f"/v2/{repository}/manifests/latest", headers={"accept": OCI_INDEX})
    assert answer.headers["content-type"] == OCI_MANIFEST


@pytest.mark.parametrize(
    ("accepted", "kind"),
    [(DOCKER_MANIFEST, DOCKER_MANIFEST), (OCI_MANIFEST, DOCKER_LIST), (DOCKER_LIST, DOCKER_LIST)],
)
def test_docker_list(client: httpx.Client, repository: str, accepted: str, kind: str) -> None:
    push(client, repository, DOCKER_LIST, "amd64", "arm64")
    answer = client.get(f"/v2/{repository}/manifests/latest", headers={"accept": accepted})
    assert answer.headers["content-type"] == kind


def test_conditions_concern_what_was_chosen(client: httpx.Client, repository: str) -> None:
    made = push(client, repository, OCI_INDEX, "amd64")
    tag = f"/v2/{repository}/manifests/latest"
    for document, accepted in (
        (made, OCI_INDEX),
        (platform_image("amd64", OCI_MANIFEST), OCI_MANIFEST),
    ):
        for other in (made, platform_image("amd64", OCI_MANIFEST)):
            condition = {"accept": accepted, "if-none-match": f'"{digest(dump(other))}"'}
            answer = client.get(tag, headers=condition)
            assert answer.status_code == (304 if other == document else 200)
            assert answer.headers["vary"] == "Accept"


def test_index_of_megabytes(client: httpx.Client, repository: str) -> None:
    """It is read in a thread, beside the loop, and the answer is the same."""
    push(client, repository, OCI_INDEX, "amd64", "arm64")
    small = platform_index(OCI_INDEX, "amd64", "arm64")
    large = index(manifests=small["manifests"], annotations={"much": "x" * 1_000_000})
    put_manifest(client, repository, "large", large)
    answer = client.get(f"/v2/{repository}/manifests/large", headers={"accept": OCI_MANIFEST})
    assert answer.content == dump(platform_image("amd64", OCI_MANIFEST))
