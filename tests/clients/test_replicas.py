"""Each client pushes to three replicas behind nginx, and the next one pulls what it pushed."""

from collections.abc import Callable

import pytest
from tests.clients.client import Client
from tests.clients.image import Image
from tests.clients.test_across import CLIENTS
from tests.replicas.fleet import Fleet

RING = list(zip(CLIENTS, CLIENTS[1:] + CLIENTS[:1], strict=True))


@pytest.mark.parametrize(("pusher", "puller"), RING, ids=str)
def test_push_and_pull(
    pusher: str,
    puller: str,
    fleet: Fleet,
    client: Callable[[str], Client],
    new_image: Callable[[], Image],
) -> None:
    reference = f"{fleet.address}/replicas/{pusher}:1"
    image = new_image()
    digest = client(pusher).push(image, reference)
    got = client(puller).pull(reference)
    assert got.digest == digest
    assert got.random == image.random
    for replica in fleet.replicas:
        assert replica.registry.digest(f"replicas/{pusher}", "1") == digest
