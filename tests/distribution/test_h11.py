"""The app on uvicorn's pure Python class: one walk, since the other two have the tables."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.content import begin, digest, put_image
from tests.served import Served, serving


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "data", "h11") as served:
        yield served


def test_push_and_pull(plain: Served) -> None:
    client, layer = plain.client, b"x" * 300_000
    made = put_image(client, "a", "t", b"small", layer)
    assert client.get("/v2/a/manifests/t").headers["docker-content-digest"] == made
    blob = f"/v2/a/blobs/{digest(layer)}"
    assert client.get(blob).content == layer
    assert client.get(blob, headers={"range": "bytes=5-9"}).content == layer[5:10]
    assert client.head(blob).headers["content-length"] == "300000"
    location = begin(client, "a")
    client.patch(location, content=iter([layer, layer]))
    answer = client.put(location, params={"digest": digest(layer * 2)})
    assert answer.status_code == 201
    assert client.get(answer.headers["location"]).content == layer * 2
