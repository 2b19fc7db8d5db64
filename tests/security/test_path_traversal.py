"""Paths as an attacker writes them, byte for byte: none leads out of the API."""

import os

import pytest
from tests.content import digest, put_image
from tests.served import Served

ZEROS = "0" * 64

OUTSIDE = [
    b"../../../../etc/passwd",
    b"..%2f..%2f..%2f..%2fetc%2fpasswd",
    b"%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    b"%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    b"%252e%252e%252fetc%252fpasswd",
    b"..%5c..%5cetc%5cpasswd",
    b"..\\..\\etc\\passwd",
    b"%c0%ae%c0%ae%c0%afetc%c0%afpasswd",
    b"%ef%bc%8e%ef%bc%8e%ef%bc%8fetc",
    b".",
    b"..",
    b"%00",
    b"a%00",
    b"a%0a",
    b"a%0d%0aset-cookie:%20a=b",
    b"%ff%fe",
    b"%",
    b"%2",
    b"%zz",
    b"~root",
    b"$HOME",
    b"a;b",
    b"a%3fb",
    b"a%23b",
    b"entrepot.sqlite",
    b"\xe2\x80\xae",
    b"x" * 2000,
    b"%41" * 600,
]

PLACES = {
    "name": b"/v2/%b/manifests/t",
    "part of a name": b"/v2/a/%b/tags/list",
    "reference": b"/v2/a/manifests/%b",
    "digest": b"/v2/a/blobs/%b",
    "hash": b"/v2/a/blobs/sha256:%b",
    "subject": b"/v2/a/referrers/%b",
    "upload": b"/v2/a/blobs/uploads/%b",
    "route": b"/v2/%b",
    "root": b"/%b",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("text", OUTSIDE, ids=lambda text: repr(text[:30]))
def test_cve_2024_3727_path(served: Served, place: str, text: bytes) -> None:
    for method in (b"GET", b"HEAD", b"DELETE", b"PUT", b"PATCH"):
        answer = served.ask(PLACES[place] % text, method=method)
        assert 400 <= answer.status < 500, (method, answer)
        assert b"root:" not in answer.content
        assert b"SQLite" not in answer.content
        assert "set-cookie" not in answer.headers


def test_what_lies_beside_the_data_is_not_touched(served: Served) -> None:
    beside = served.folder.parent / "beside"
    beside.write_text("beside")
    for text in (b"../beside", b"..%2fbeside", b"%2e%2e/beside", b"../../beside"):
        for place in PLACES.values():
            for method in (b"GET", b"DELETE", b"PUT"):
                served.ask(place % text, method=method)
    assert beside.read_text() == "beside"


@pytest.mark.parametrize(
    "spelling",
    [b"%61ttacked", b"%61%74%74%61%63%6b%65%64", b"attacke%64"],
)
def test_other_spellings_of_a_name_are_the_same_name(
    served: Served, repository: str, spelling: bytes
) -> None:
    """Whoever decides who may read a name must see what the handler sees: one name, read once."""
    made = put_image(served.client, repository, "t")
    target = b"/v2/" + repository.encode().replace(b"attacked", spelling) + b"/manifests/t"
    assert served.ask(target).headers["docker-content-digest"] == made
    twice = target.replace(b"%", b"%25")
    assert served.ask(twice).status == 400


@pytest.mark.parametrize(
    "upload",
    [
        "",
        "0",
        "0" * 31,
        "0" * 33,
        "0" * 31 + "g",
        "A" * 32,
        "..",
        "../" * 10 + "ab",
        "0" * 31 + "%00",
    ],
)
def test_upload_ids(served: Served, repository: str, upload: str) -> None:
    for method in (b"GET", b"PATCH", b"PUT", b"DELETE"):
        target = f"/v2/{repository}/blobs/uploads/{upload}?digest={digest(b'')}"
        assert served.ask(target.encode(), method=method).status in {404, 405, 400}


def test_objects_have_names_of_their_own(served: Served, repository: str) -> None:
    """What a client says is no part of any path below the data folder."""
    put_image(served.client, repository, "very-telling-tag", os.urandom(50_000))
    said = {"attacked", "telling", ZEROS}
    for path in served.folder.rglob("*"):
        assert not any(word in str(path.relative_to(served.folder)) for word in said)
