"""Registries without a list of what refers to an image: not all of them say so by 404.

Then a tag stands for the list (OCI Distribution Specification, "Referrers Tag Schema").
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from tests.content import OCI_INDEX, OCI_MANIFEST, descriptor, digest, dump, image, index
from tests.upstream.scripted import Answer, Asked, Say, scripted

from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository
from entrepot.upstream.http import Http
from entrepot.upstream.place import RefusedError, UpstreamError
from entrepot.upstream.registry import RegistryRepository

IMAGE = dump(image(b"layer"))
MANY = dump(index(image(b"layer"), image(b"other")))
SIGNATURE = dump(image(b"signature", subject=descriptor(IMAGE, OCI_MANIFEST)))
LISTED = dump({**index(), "manifests": [descriptor(SIGNATURE, OCI_MANIFEST)]})
TAG = f"/v2/team/app/manifests/{digest(IMAGE).replace(':', '-')}"

LACKS: dict[str, Say] = {
    "404": Say(404),
    "400": Say(400, b'{"errors": [{"code": "UNSUPPORTED", "message": "no such route"}]}'),
    "405": Say(405),
    "406": Say(406),
    "501": Say(501),
    "a page": Say(200, b"<html>", {"content-type": "text/html; charset=utf-8"}),
}


@contextmanager
def asking(answer: Answer) -> Iterator[RegistryRepository]:
    with scripted(answer) as server, closing(Http(f"http://{server.address}", attempts=1)) as http:
        yield RegistryRepository(http, Repository("team/app"))


@pytest.mark.parametrize("says", LACKS.values(), ids=LACKS)
@pytest.mark.parametrize("sure", [False, True], ids=["maybe", "surely"])
def test_the_tag_is_asked(says: Say, sure: bool) -> None:
    def answer(asked: Asked) -> Say:
        return Say(200, LISTED, {"content-type": OCI_INDEX}) if asked.path == TAG else says

    with asking(answer) as there:
        assert there.referrers(Digest.parse(digest(IMAGE)), sure=sure) == [
            Digest.parse(digest(SIGNATURE))
        ]


@pytest.mark.parametrize("content", [IMAGE, MANY], ids=["an image", "an index"])
def test_a_tag_that_is_taken_for_the_digest_lists_nothing(content: bytes) -> None:
    """As at GitLab, where the platforms of an index would seem to refer to it."""

    def answer(asked: Asked) -> Say:
        kind = OCI_INDEX if content == MANY else OCI_MANIFEST
        if "/manifests/" in asked.path:
            return Say(200, content, {"content-type": kind})
        return Say(404)

    with asking(answer) as there:
        assert there.referrers(Digest.parse(digest(content))) == []


def test_an_image_by_that_name_lists_nothing() -> None:
    def answer(asked: Asked) -> Say:
        if asked.path == TAG:
            return Say(200, dump(image(b"else")), {"content-type": OCI_MANIFEST})
        return Say(404)

    with asking(answer) as there:
        assert there.referrers(Digest.parse(digest(IMAGE))) == []


@pytest.mark.parametrize(
    ("says", "error"),
    [
        (Say(403), RefusedError),
        (Say(409), UpstreamError),
        (Say(200, b"{", {"content-type": OCI_INDEX}), UpstreamError),
    ],
    ids=["refused", "a conflict", "broken"],
)
def test_what_may_hide_signatures_is_no_answer(says: Say, error: type[Exception]) -> None:
    def answer(asked: Asked) -> Say:
        return Say(404) if asked.path == TAG else says

    with asking(answer) as there, pytest.raises(error):
        there.referrers(Digest.parse(digest(IMAGE)))
