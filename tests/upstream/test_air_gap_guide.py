"""docs/air-gap.md, from its first command to its last, over three registries on this machine."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import httpx
import pytest
from tests.cli.desk import Desk
from tests.cli.guide import follow, steps
from tests.cluster.guide import page
from tests.content import EMPTY, dump, image, index, put_blob, put_manifest
from tests.served import serving
from tests.upstream.peer import docker_registry
from tests.upstream.test_copy import served

BASE, *APPS = (Random(number).randbytes(300_000) for number in range(3))
EXPORTER = image(BASE)


@pytest.fixture
def registries(tmp_path: Path) -> Iterator[dict[str, str]]:
    """By the names that the page has, those that stand for them."""
    with ExitStack() as stack:
        found = {}
        for name in ("docker.io", "quay.io"):
            served = stack.enter_context(serving(tmp_path / name, "own"))
            found[name] = served.url.removeprefix("http://")
        found["registry.site.example"] = stack.enter_context(docker_registry(tmp_path / "site"))
        yield found


def put_index(address: str, repository: str, tag: str, layer: bytes) -> bytes:
    """An image for two platforms."""
    images = [image(BASE, layer), image(layer, BASE)]
    with httpx.Client(base_url=f"http://{address}") as http:
        for part in (EMPTY, BASE, layer):
            put_blob(http, repository, part)
        for each in images:
            put_manifest(http, repository, tag, each)
        root = index(*images)
        for entry, architecture in zip(root["manifests"], ("amd64", "arm64"), strict=True):
            entry["platform"] = {"os": "linux", "architecture": architecture}
        put_manifest(http, repository, tag, root)
    return dump(root)


def test_every_command_of_the_guide(
    desk: Desk, registries: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, quay, site = registries.values()
    old = put_index(hub, "library/nginx", "1.29", APPS[0])
    new = put_index(hub, "library/nginx", "1.30", APPS[1])
    with httpx.Client(base_url=f"http://{quay}") as http:
        for part in (EMPTY, BASE):
            put_blob(http, "prometheus/node-exporter", part)
        put_manifest(http, "prometheus/node-exporter", "v1.9.0", EXPORTER)

    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    text = page("air-gap.md", registries)
    said = "".join(follow(desk, step, work) for step in steps(text))

    assert "site-1.tar: OK\n" in said
    assert "2 images, 3 blobs: 0 damaged\n" in said
    assert "all 2 served now\n" in said
    assert "more are in site-1.tar (made 2" in said
    for tag, root in (("1.29", old), ("1.30", new)):
        assert served(site, "mirror/library/nginx", tag).content == root
    assert served(site, "mirror/prometheus/node-exporter", "v1.9.0").content == dump(EXPORTER)
    assert (work / "site-2.tar").stat().st_size < (work / "site-1.tar").stat().st_size - len(BASE)
    assert site in next((work / "node").rglob("hosts.toml")).read_text()
