"""Names of images, by Docker's rules."""

import pytest

from entrepot.oci.image_name import Image, ImageError

DIGEST = "sha256:" + "0a" * 32

GOOD = {
    "busybox": "docker.io/library/busybox:latest",
    "team/app": "docker.io/team/app:latest",
    "team/app:1": "docker.io/team/app:1",
    "index.docker.io/busybox": "docker.io/library/busybox:latest",
    "docker.io/team/app": "docker.io/team/app:latest",
    "localhost/app": "localhost/app:latest",
    "registry/app": "docker.io/registry/app:latest",
    "registry:5000/app": "registry:5000/app:latest",
    "r.test/app": "r.test/app:latest",
    "r.test:5000/a/b:v1.2": "r.test:5000/a/b:v1.2",
    "[::1]:5000/app": "[::1]:5000/app:latest",
    "REGISTRY/app": "REGISTRY/app:latest",
    f"r.test/app@{DIGEST}": f"r.test/app@{DIGEST}",
    f"r.test/app:1@{DIGEST}": f"r.test/app@{DIGEST}",
}


@pytest.mark.parametrize("text", GOOD)
def test_where_it_leads(text: str) -> None:
    assert str(Image.parse(text)) == GOOD[text]


def test_whom_to_ask() -> None:
    assert Image.parse("busybox").server == "registry-1.docker.io"
    assert Image.parse("r.test:5000/a").server == "r.test:5000"


BAD = {
    "https://r.test/app": "no host|invalid repository",
    "r.test/Team/App": "invalid repository name 'Team/App'",
    "r.test/app:": "it ends where a tag",
    "r.test/app@": "it ends where a tag",
    "r.test/app:-1": "invalid tag",
    "r.test/app@sha256:12": "64 digits",
    "r.test/": "invalid repository",
    "": "invalid repository",
    "r.test/a b": "invalid repository",
    "-r.test/app": "'-r.test' is no host",
    "r.test:65536/app": "has a port that there is not",
    "[::1]:99999/app": "has a port that there is not",
    "0a" * 32: "the ID of an image",
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ImageError, match=BAD[text]):
        Image.parse(text)
