"""Errors that have no address of their own: too large, too many at once, a lost file."""

import threading
from pathlib import Path

import httpx
import pytest
from tests.content import begin, image, put_blob, try_manifest
from tests.served import Serve, Served, codes, read

from entrepot.oci.manifest import MAX_BYTES


def test_manifest_of_the_largest_size(client: httpx.Client, repository: str) -> None:
    answer = try_manifest(client, repository, "t", b" " * MAX_BYTES)
    assert (answer.status_code, codes(answer.content)) == (400, ["MANIFEST_INVALID"])


def test_manifest_one_byte_larger(client: httpx.Client, repository: str) -> None:
    answer = try_manifest(client, repository, "t", b" " * (MAX_BYTES + 1))
    assert (answer.status_code, codes(answer.content)) == (413, ["SIZE_INVALID"])


def test_huge_manifest_is_refused_before_its_body_comes(served: Served, repository: str) -> None:
    head = (
        f"PUT /v2/{repository}/manifests/t HTTP/1.1\r\nhost: t\r\n"
        f"content-length: {2**40}\r\nexpect: 100-continue\r\n\r\n"
    )
    answer = served.raw(head.encode())
    assert (answer.status, answer.codes) == (413, ["SIZE_INVALID"])


def test_huge_chunked_manifest_is_refused_when_it_has_become_too_large(
    served: Served, repository: str
) -> None:
    head = f"PUT /v2/{repository}/manifests/t HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n"
    chunk = b"%x\r\n" % (1 << 20) + b" " * (1 << 20) + b"\r\n"
    with served.connect() as sock:
        sock.sendall(head.encode() + b"\r\n" + chunk * 4 + b"1\r\n \r\n")  # and no end
        answer = read(sock)
    assert (answer.status, answer.codes) == (413, ["SIZE_INVALID"])


def test_too_many_requests(serve: Serve) -> None:
    served = serve(max_requests=1)
    location = begin(served.client, "a")
    with served.connect() as slow:
        slow.sendall(
            b"PATCH %b HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\n" % location.encode()
        )
        answer = served.client.get("/v2/_catalog")
        while answer.status_code == 200:  # until the slow one has been read
            answer = served.client.get("/v2/_catalog")
        assert (answer.status_code, codes(answer.content)) == (429, ["TOOMANYREQUESTS"])
        assert answer.headers["retry-after"] == "1"
        assert served.client.get("/livez").status_code == 200
        assert served.client.get("/readyz").status_code == 200
        slow.sendall(b"123456789")
        assert read(slow).status == 202
    assert served.client.get("/v2/_catalog").status_code == 200


def test_no_limit_of_requests(serve: Serve) -> None:
    served = serve(max_requests=0)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(httpx.get(f"{served.url}/v2/").status_code))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8


def test_lost_file_is_told_and_healed_by_pushing_again(serve: Serve) -> None:
    served = serve()
    content = b"x" * 100_000
    found = put_blob(served.client, "a", content)
    [lost] = files(served.folder)
    lost.unlink()
    answer = served.client.get(f"/v2/a/blobs/{found}")
    assert (answer.status_code, codes(answer.content)) == (404, ["BLOB_UNKNOWN"])
    assert "push it again" in answer.text
    assert lost.name not in answer.text
    put_blob(served.client, "a", content)
    assert served.client.get(f"/v2/a/blobs/{found}").content == content


def files(folder: Path) -> list[Path]:
    return [path for path in (folder / "blobs").glob("*/*") if path.is_file()]


@pytest.mark.parametrize("reference", ["t", f"sha256:{'0' * 64}"])
def test_an_error_writes_nothing(client: httpx.Client, repository: str, reference: str) -> None:
    try_manifest(client, repository, reference, str(image()).encode())
    answer = client.get(f"/v2/{repository}/tags/list")
    assert (answer.status_code, codes(answer.content)) == (404, ["NAME_UNKNOWN"])
