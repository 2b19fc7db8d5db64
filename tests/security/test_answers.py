"""What an answer may carry: no header of an attacker's, no page that a browser would run."""

from urllib.parse import quote

import httpx
import pytest
from tests.content import EMPTY, OCI_MANIFEST, dump, image, put_blob, put_image, try_manifest
from tests.served import Served, read

SPLITTERS = [
    "\r\nset-cookie: a=b",
    "\nset-cookie: a=b",
    "\r\n\r\n<html>",
    "\u010d\u010aset-cookie: a=b",
]
PAGE = b"<html><script>alert(1)</script></html>"

KNOWN = {
    "accept-ranges",
    "allow",
    "connection",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "docker-content-digest",
    "docker-distribution-api-version",
    "docker-upload-uuid",
    "etag",
    "link",
    "location",
    "oci-filters-applied",
    "oci-subject",
    "oci-tag",
    "range",
    "retry-after",
    "server",
    "vary",
    "warning",
    "x-request-id",
}


@pytest.mark.parametrize("splitter", SPLITTERS, ids=repr)
def test_response_splitting(client: httpx.Client, repository: str, splitter: str) -> None:
    put_image(client, repository, "t")
    put_image(client, repository, "u")
    below = f"/v2/{repository}"
    document = {**image(), "mediaType": f"a/b{splitter}"}
    answers = [
        client.get(f"{below}/tags/list", params={"n": "1", "last": splitter}),
        client.get(f"{below}/tags/list", params={"n": splitter}),
        client.get("/v2/_catalog", params={"n": "1", "last": splitter}),
        client.get(f"{below}/referrers/sha256:{'0' * 64}", params={"artifactType": splitter}),
        client.post(f"{below}/blobs/uploads/", params={"mount": splitter, "from": splitter}),
        client.post(f"{below}/blobs/uploads/", params={"digest-algorithm": splitter}),
        try_manifest(client, repository, "x", dump(document)),
        client.get(f"{below}/manifests/t{quote(splitter)}"),
    ]
    for answer in answers:
        assert set(answer.headers) <= KNOWN
        assert b"\n" not in b"".join(value for _, value in answer.headers.raw)


@pytest.mark.parametrize("splitter", SPLITTERS, ids=repr)
def test_parts_of_headers_in_a_link(client: httpx.Client, repository: str, splitter: str) -> None:
    kind = f"text/x{splitter}"
    for path in ("tags/list", f"referrers/sha256:{'0' * 64}"):
        answer = client.get(f"/v2/{repository}/{path}", params={"artifactType": kind})
        assert set(answer.headers) <= KNOWN


def test_no_page_is_ever_served(client: httpx.Client, repository: str) -> None:
    """What browsers come to see is JSON, text or bytes, whatever was pushed."""
    found = put_blob(client, repository, PAGE)
    put_image(client, repository, "t", annotations={"a": PAGE.decode()})
    addresses = [
        "/",
        "/v2/",
        "/metrics",
        "/<script>",
        "/v2/<script>/manifests/t",
        "/v2/a/manifests/<script>",
        f"/v2/{repository}/blobs/{found}",
        f"/v2/{repository}/manifests/t",
        f"/v2/{repository}/tags/list?n=<script>",
        "/v2/_catalog?last=<script>",
    ]
    for address in addresses:
        answer = client.get(address, headers={"accept": "text/html"})
        kind = answer.headers["content-type"]
        assert kind.partition(";")[0] in {
            "application/json",
            "application/octet-stream",
            "text/plain",
            OCI_MANIFEST,
        }, address


@pytest.mark.parametrize("kind", ["text/html", "text/html; charset=utf-8", "image/svg+xml"])
def test_the_uploader_does_not_choose_a_blobs_type(
    client: httpx.Client, repository: str, kind: str
) -> None:
    found = put_blob(client, repository, PAGE)
    location = client.post(f"/v2/{repository}/blobs/uploads/").headers["location"]
    headers = {"content-type": kind}
    client.put(location, params={"digest": found}, content=PAGE, headers=headers)
    answer = client.get(f"/v2/{repository}/blobs/{found}", headers={"accept": kind})
    assert answer.headers["content-type"] == "application/octet-stream"
    answer = try_manifest(client, repository, "t", dump(image(config=EMPTY)), kind)
    assert answer.status_code == 400


def test_errors_tell_nothing_of_the_inside(served: Served) -> None:
    for target in (b"/v2/a/manifests/%00", b"/v2/a/blobs/x", b"/v2/_catalog?n=x", b"/etc/passwd"):
        text = served.ask(target).content.decode()
        for inside in ("Traceback", 'File "', "sqlite", "/work/", str(served.folder), ".py"):
            assert inside not in text


SMUGGLED = b"GET /v2/_catalog HTTP/1.1\r\nhost: t\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"content-length: 5\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ncontent-length: 5",
        b"content-length: 5\r\ncontent-length: 6",
        b"transfer-encoding: xchunked",
        b"transfer-encoding : chunked",
        b"content-length: 5 5",
        b"content-length: -5",
        b"content-length: 0x5",
        b"content-length: +5",
    ],
    ids=repr,
)
def test_smuggling_through_the_whole_app(served: Served, repository: str, framing: bytes) -> None:
    """Such a request gets one answer, an error, and the connection ends."""
    head = b"PUT /v2/%b/manifests/t HTTP/1.1\r\nhost: t\r\n%b\r\n\r\n" % (
        repository.encode(),
        framing,
    )
    with served.connect() as sock:
        sock.sendall(head + b"0\r\n\r\n" + SMUGGLED)
        assert 400 <= read(sock).status < 500
        assert b"repositories" not in sock.recv(1 << 16)


def test_a_body_is_no_request(served: Served, repository: str) -> None:
    """Where the app answers before it has read the body, the body is not taken for what follows."""
    for status, target in (
        (404, "/nowhere"),
        (400, f"/v2/{repository}/manifests/-"),
        (405, "/v2/"),
    ):
        head = f"PUT {target} HTTP/1.1\r\nhost: t\r\ncontent-length: {len(SMUGGLED)}\r\n\r\n"
        following = b"GET /livez HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n"
        with served.connect() as sock:
            sock.sendall(head.encode() + SMUGGLED + following)
            answers = b"".join(iter(lambda: sock.recv(1 << 16), b""))
        assert answers.startswith(b"HTTP/1.1 %d " % status)
        assert answers.endswith(b'{"alive": true}')
        assert answers.count(b"HTTP/1.1 ") == 2
