"""Every address with every method: status, shape of the body, and what is allowed."""

import httpx
import pytest
from tests.content import begin, put_image
from tests.served import Served, codes

from entrepot.distribution.api import HANDLERS

METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE")
NOTHING = f"sha256:{'0' * 64}"

ADDRESSES = {
    "/": "GET",
    "/livez": "GET",
    "/readyz": "GET",
    "/metrics": "GET",
    "/token": "GET, POST",
    "/.well-known/jwks.json": "GET",
    "/v2": "GET",
    "/v2/": "GET",
    "/v2/_catalog": "GET",
    "/v2/a/tags/list": "GET",
    f"/v2/a/referrers/{NOTHING}": "GET",
    "/v2/a/manifests/latest": "GET, PUT, DELETE",
    f"/v2/a/manifests/{NOTHING}": "GET, PUT, DELETE",
    f"/v2/a/blobs/{NOTHING}": "GET, DELETE",
    "/v2/a/blobs/uploads": "POST",
    "/v2/a/blobs/uploads/": "POST",
    f"/v2/a/blobs/uploads/{'0' * 32}": "GET, PATCH, PUT, DELETE",
}


def test_the_table_has_every_kind_of_route() -> None:
    tables = {", ".join(methods) for methods in HANDLERS.values()}
    assert tables == set(ADDRESSES.values())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_method(client: httpx.Client, address: str, method: str) -> None:
    answer = client.request(method, address)
    allowed = ADDRESSES[address].replace("GET", "HEAD, GET").split(", ")
    if method in allowed:
        assert answer.status_code != 405
        return
    assert answer.status_code == 405
    assert answer.headers["allow"] == ", ".join(allowed)
    assert answer.headers["content-type"] == "application/json"
    if method != "HEAD":
        assert codes(answer.content) == ["UNSUPPORTED"]


WRONG_ADDRESSES = {
    "/v3/": "NOT_FOUND",
    "/v2/a": "NOT_FOUND",
    "/v2/a/": "NOT_FOUND",
    "/v2//manifests/t": "NOT_FOUND",
    "/v2/a/tags": "NOT_FOUND",
    "/v2/a/tags/lists": "NOT_FOUND",
    "/v2/a/blobs": "NOT_FOUND",
    "/v2/a/manifests/": "NOT_FOUND",
    "/v2/a/manifests/t/": "NOT_FOUND",
    "/v2/_catalog/": "NOT_FOUND",
    "/v1/search": "NOT_FOUND",
    "/favicon.ico": "NOT_FOUND",
    "/v2/A/manifests/t": "NAME_INVALID",
    "/v2/a__/manifests/t": "NAME_INVALID",
    "/v2/a/manifests/-t": "TAG_INVALID",
    "/v2/a/manifests/sha256:0": "DIGEST_INVALID",
    f"/v2/a/manifests/md5:{'0' * 32}": "DIGEST_INVALID",
    "/v2/a/blobs/sha256:0": "DIGEST_INVALID",
    "/v2/a/blobs/latest": "DIGEST_INVALID",
    "/v2/a/referrers/latest": "DIGEST_INVALID",
    "/v2/a/blobs/uploads/nothing": "BLOB_UPLOAD_UNKNOWN",
    f"/v2/a/blobs/uploads/{'0' * 32}": "BLOB_UPLOAD_UNKNOWN",
    "/v2/nowhere/tags/list": "NAME_UNKNOWN",
    "/v2/nowhere/manifests/t": "NAME_UNKNOWN",
    f"/v2/nowhere/blobs/{NOTHING}": "NAME_UNKNOWN",
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("address", WRONG_ADDRESSES)
def test_wrong_address(client: httpx.Client, address: str, method: str) -> None:
    answer = client.request(method, address)
    code = WRONG_ADDRESSES[address]
    assert answer.status_code == (400 if code.endswith("INVALID") else 404)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"]
    if method == "GET":
        assert codes(answer.content) == [code]
    else:
        assert answer.content == b""


@pytest.mark.parametrize(
    ("suffix", "code"),
    [
        ("manifests/none", "MANIFEST_UNKNOWN"),
        (f"manifests/{NOTHING}", "MANIFEST_UNKNOWN"),
        (f"blobs/{NOTHING}", "BLOB_UNKNOWN"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_known_repository_without_it(
    client: httpx.Client, repository: str, suffix: str, code: str, method: str
) -> None:
    put_image(client, repository, "latest")
    answer = client.request(method, f"/v2/{repository}/{suffix}")
    assert (answer.status_code, codes(answer.content)) == (404, [code])


def readable(client: httpx.Client, repository: str) -> list[str]:
    """An address of every kind that GET answers with 2xx."""
    made = put_image(client, repository, "latest", b"x" * 20_000)
    layer = client.get(f"/v2/{repository}/manifests/latest").json()["layers"][0]["digest"]
    below = f"/v2/{repository}"
    return [
        *(address for address in ADDRESSES if not address.startswith("/v2/a/")),
        f"{below}/tags/list",
        f"{below}/referrers/{made}",
        f"{below}/manifests/latest",
        f"{below}/manifests/{made}",
        f"{below}/blobs/{layer}",
        begin(client, repository),
    ]


CHANGING = {"x-request-id", "date"}


def test_head_is_get_without_a_body(client: httpx.Client, repository: str) -> None:
    for address in readable(client, repository):
        get, head = client.get(address), client.head(address)
        assert get.status_code == head.status_code < 300, address
        assert head.content == b""
        assert set(head.headers) == set(get.headers), address
        if address != "/metrics":  # counts the first of the two
            same = [name for name in get.headers if name not in CHANGING]
            assert [get.headers[n] for n in same] == [head.headers[n] for n in same], address


@pytest.mark.parametrize("query", ["ns=docker.io", "nobody=knows", "a=b&a=c", "%00=%ff", "&&=&"])
def test_parameters_that_nobody_knows_change_nothing(
    client: httpx.Client, repository: str, query: str
) -> None:
    for address in readable(client, repository):
        plain, asked = client.get(address), client.get(f"{address}?{query}")
        assert plain.status_code == asked.status_code, address
        assert plain.headers.get("link") == asked.headers.get("link")
        if address != "/metrics":
            assert plain.content == asked.content, address


def test_too_many_parameters(client: httpx.Client) -> None:
    answer = client.get("/v2/_catalog?" + "&".join(["a=b"] * 65))
    assert (answer.status_code, codes(answer.content)) == (400, ["UNSUPPORTED"])


def test_every_answer_of_the_api_says_its_version(client: httpx.Client, repository: str) -> None:
    for address in [*readable(client, repository), "/v2/nowhere/tags/list"]:
        answer = client.get(address)
        assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abc-1.2_3", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("a b", False),
        ('"', False),
        ("é", False),
        ("a;b", False),
    ],
)
@pytest.mark.parametrize("address", ["/v2/", "/v2/nowhere/tags/list"])
def test_request_id(client: httpx.Client, address: str, given: str, *, kept: bool) -> None:
    answer = client.get(address, headers={b"x-request-id": given.encode()})
    assert (answer.headers["x-request-id"] == given) is kept
    assert answer.headers["x-request-id"]


def test_request_ids_differ(served: Served, repository: str) -> None:
    put_image(served.client, repository, "latest")
    address = f"/v2/{repository}/manifests/latest"
    ids = [served.client.get(address).headers["x-request-id"] for _ in range(20)]
    assert len(set(ids)) == 20
