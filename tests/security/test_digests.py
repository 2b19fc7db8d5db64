"""Bytes come in only under their own digest, on every way in (CVE-2024-3727, CVE-2026-85747)."""

import httpx
import pytest
from tests.content import begin, digest, dump, image, put_blob, try_manifest
from tests.served import codes

SIZES = (0, 10, 20_000, 300_000)
OTHER = digest(b"what the attacker wants to replace")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("way", ["post", "put", "patch", "chunks"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_cve_2026_85747_substituted_blob(
    client: httpx.Client, repository: str, size: int, algorithm: str, way: str, *, chunked: bool
) -> None:
    content, wanted = b"x" * size, digest(b"another", algorithm)
    finish = {"digest": wanted}

    def body(part: bytes = content) -> object:
        return iter([part]) if chunked else part

    if way == "post":
        uploads = f"/v2/{repository}/blobs/uploads/"
        answer = client.request("POST", uploads, params=finish, content=body())  # type: ignore[arg-type]
    else:
        location = begin(client, repository)
        if way == "patch":
            client.request("PATCH", location, content=body())  # type: ignore[arg-type]
        elif way == "chunks":
            for start in range(0, size, 7000):
                client.patch(location, content=content[start : start + 7000])
        last = body() if way == "put" else b""
        answer = client.request("PUT", location, params=finish, content=last)  # type: ignore[arg-type]
    assert (answer.status_code, codes(answer.content)) == (400, ["DIGEST_INVALID"])
    assert client.get(f"/v2/{repository}/blobs/{wanted}").status_code == 404


def test_cve_2026_85747_substituted_manifest(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, b"{}")
    for algorithm in ("sha256", "sha512"):
        wanted = digest(dump(image(b"another")), algorithm)
        answer = try_manifest(client, repository, wanted, dump(image()))
        assert (answer.status_code, codes(answer.content)) == (400, ["DIGEST_INVALID"])
        assert client.get(f"/v2/{repository}/manifests/{wanted}").status_code == 404


def test_substituted_content_within_a_descriptor(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, b"{}")
    document = image()
    document["config"]["data"] = "W10="  # []
    answer = try_manifest(client, repository, "t", dump(document))
    assert codes(answer.content) == ["MANIFEST_INVALID"]


NO_DIGESTS = [
    "sha256:../../../../etc/passwd",
    "sha256:" + "../" * 21 + "a",
    "../../../etc/passwd:" + "0" * 64,
    "sha256:" + "0" * 63,
    "sha256:" + "0" * 65,
    "sha256:" + "0" * 63 + "A",
    "sha256:" + "0" * 63 + "\x00",
    "sha256:" + "0" * 63 + "\n",
    "sha256:" + "0" * 64 + "\n",
    " sha256:" + "0" * 64,
    "sha256:" + "0" * 64 + "/..",
    "SHA256:" + "0" * 64,
    "sha-256:" + "0" * 64,
    "md5:" + "0" * 32,
    "sha256",
    ":",
    "",
    "\u0660" * 64,
    "sha256:" + "\u0660" * 64,
    "sha256:" + "%30" * 64,
]


@pytest.mark.parametrize("text", NO_DIGESTS)
def test_cve_2024_3727_what_is_no_digest(client: httpx.Client, repository: str, text: str) -> None:
    """As a parameter, and inside of a document; in paths: see test_path_traversal."""
    uploads = f"/v2/{repository}/blobs/uploads/"
    answers = [
        client.post(uploads, params={"digest": text}, content=b"x"),
        client.post(uploads, params={"mount": text, "from": "a"}),
        client.put(begin(client, repository), params={"digest": text}, content=b"x"),
    ]
    for answer in answers:
        assert (answer.status_code, codes(answer.content)) == (400, ["DIGEST_INVALID"])
    for place in ("config", "subject"):
        document = {**image(), place: {"mediaType": "a/b", "size": 1, "digest": text}}
        answer = try_manifest(client, repository, "t", dump(document))
        assert (answer.status_code, codes(answer.content)) == (400, ["DIGEST_INVALID"])


def test_a_digest_of_another_algorithm_finds_nothing(client: httpx.Client, repository: str) -> None:
    put_blob(client, repository, b"x")
    assert client.get(f"/v2/{repository}/blobs/{digest(b'x', 'sha512')}").status_code == 404
    assert client.get(f"/v2/{repository}/blobs/{OTHER}").status_code == 404
