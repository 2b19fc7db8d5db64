"""An image that one client pushed is the same image for every other client.

Two workers serve here, so that a pull often comes to another process than the push did.
"""

from collections.abc import Callable, Iterator
from itertools import permutations

import pytest
from tests.clients.client import Client
from tests.clients.image import Image
from tests.registry import Registry, serving

CLIENTS = ["docker", "podman", "buildah", "skopeo", "containerd", "crane", "oras"]
PAIRS = [pytest.param(one, other, id=f"{one}->{other}") for one, other in permutations(CLIENTS, 2)]


@pytest.fixture(scope="session")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry of two processes over one folder."""
    with serving(tmp_path_factory.mktemp("two-workers"), workers=2) as registry:
        yield registry


@pytest.fixture(scope="session")
def pushed() -> dict[str, tuple[Image, str]]:
    """By the name of who pushed it: the image, and its digest as that client said it."""
    return {}


@pytest.mark.parametrize(("pusher", "puller"), PAIRS)
def test_pull(
    pusher: str,
    puller: str,
    two_workers: Registry,
    client: Callable[[str], Client],
    new_image: Callable[[], Image],
    pushed: dict[str, tuple[Image, str]],
) -> None:
    reference = f"{two_workers.address}/across/{pusher}:1"
    if pusher not in pushed:
        image = new_image()
        pushed[pusher] = image, client(pusher).push(image, reference)
    image, digest = pushed[pusher]

    got = client(puller).pull(reference)

    assert got.digest == digest == two_workers.digest(f"across/{pusher}", "1")
    assert got.random == image.random
