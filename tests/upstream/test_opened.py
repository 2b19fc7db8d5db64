"""Places as they are written on a command line."""

import pytest

from entrepot.upstream.opened import At
from entrepot.upstream.place import UpstreamError


@pytest.mark.parametrize(
    "text",
    [
        "registry.test/team/app",
        "registry.test/team/app:1.2",
        "registry.test:5000/team/app:1.2",
        f"registry.test/team/app@sha256:{'0' * 64}",
        "oci:folder",
        "oci:folder:1.2",
        "oci:folder:registry.test:5000/team/app:1.2",
        "oci-archive:file.tar:registry.test/team/app:1.2",
        "docker-archive:file.tar:team/app:1.2",
    ],
)
def test_what_is_told_can_be_said_again(text: str) -> None:
    assert str(At.parse(text)) == text


def test_docker_hub_has_short_names() -> None:
    assert str(At.parse("docker://nginx:1.29")) == "docker.io/library/nginx:1.29"


@pytest.mark.parametrize("text", ["", "oci:", "https://registry.test/app", "registry.test/App"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(UpstreamError):
        At.parse(text)
