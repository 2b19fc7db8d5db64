"""Images that crane and docker pushed, as `entrepot version` shows them: an index for platforms."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.accounts import Accounts, Credential
from tests.clients.carriers import Crane
from tests.clients.client import Client, Reach
from tests.clients.docker import Docker
from tests.clients.image import Image
from tests.registry import Registry
from tests.warm import entrepot

from entrepot.auth.ca_folder import Folder


class Manager:
    """Who looks at versions from the command line."""

    def __init__(self, registry: Registry, ca: Path, who: Credential, contexts: Path) -> None:
        self.contexts = str(contexts)
        name, secret = who.pair
        self("login", registry.url, "-u", name, "--password-stdin", "--ca", str(ca), stdin=secret)

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        done = entrepot(*arguments, stdin=stdin, ENTREPOT_CONTEXTS=self.contexts)
        assert done.status == 0, done
        return done.output

    def table(self, repository: str, *more: str) -> Any:
        return json.loads(self("version", "list", repository, *more, "--json"))


@pytest.fixture(scope="module")
def manager(
    guarded: tuple[Registry, Accounts],
    certificates: Folder,
    tmp_path_factory: pytest.TempPathFactory,
) -> Manager:
    registry, accounts = guarded
    who = accounts.user("manager", "owner:shop/*", password="correct horse battery")
    return Manager(
        registry, certificates.ca.cert, who, tmp_path_factory.mktemp("manager") / "contexts.json"
    )


def test_a_multi_platform_image(
    guarded: tuple[Registry, Accounts],
    certificates: Folder,
    newcomer: Callable[[str, Reach], Client],
    image: Image,
    other_image: Image,
    manager: Manager,
) -> None:
    registry, accounts = guarded
    crane = newcomer("crane", Reach(registry.address, certificates.ca.cert))
    assert isinstance(crane, Crane)
    crane.login(registry.address, accounts.robot("builds", "maintainer:shop/*"))
    app = f"{registry.address}/shop/app"
    for name, each in (("amd64", image), ("arm64", other_image)):
        crane.push(each, f"{app}:{name}")
        label = "--label=org.opencontainers.image.description=Exports as CSV"
        crane("mutate", label, f"--set-platform=linux/{name}", f"{app}:{name}")
    crane("index", "append", "-m", f"{app}:amd64", "-m", f"{app}:arm64", "-t", f"{app}:1.5.0")
    crane("tag", f"{app}:amd64", "1.4.2")
    crane("tag", f"{app}:1.5.0", "latest")
    crane("tag", f"{app}:amd64", "1.6.0-rc.1")

    rows = manager.table("shop/app")

    assert [row["tag"] for row in rows] == ["1.6.0-rc.1", "1.5.0", "1.4.2"]
    index, single = rows[1:]
    assert index["platforms"] == ["linux/amd64", "linux/arm64"]
    assert single["platforms"] == ["linux/amd64"]
    assert {row["description"] for row in rows} == {"Exports as CSV"}
    assert {row["pushed_by"] for row in rows} == {"robot:builds"}
    assert index["also"] == ["latest"]
    assert index["digest"] == crane("digest", f"{app}:1.5.0").strip()
    assert index["size"] == _size(crane, f"{app}:1.5.0")
    assert single["size"] == _size(crane, f"{app}:1.4.2")
    said = manager("version", "resolve", "shop/app", "latest stable").strip()
    assert said == f"shop/app:1.5.0@{index['digest']}"
    assert manager("version", "next", "shop/app").strip() == "1.6.0"


def _size(crane: Crane, reference: str) -> int:
    """Bytes of all that is behind a reference, each once, as crane sees it."""
    sizes: dict[str, int] = {}

    def add(name: str) -> None:
        content = crane("manifest", name)
        document = json.loads(content)
        sizes[name.rpartition("@")[2]] = len(content.encode())
        for part in [*document.get("layers", []), *filter(None, [document.get("config")])]:
            sizes[part["digest"]] = part["size"]
        for child in document.get("manifests", []):
            add(f"{reference.rpartition(':')[0]}@{child['digest']}")

    add(reference)
    return sum(sizes.values())


def test_what_docker_built(
    guarded: tuple[Registry, Accounts],
    newcomer: Callable[[str, Reach], Client],
    certificates: Folder,
    image: Image,
    manager: Manager,
) -> None:
    registry, accounts = guarded
    docker = newcomer("docker", Reach(registry.address, certificates.ca.cert))
    assert isinstance(docker, Docker)
    docker.login(registry.address, accounts.robot("ships", "writer:shop/*"))
    digest = docker.push(image, f"{registry.address}/shop/built:v2.0.1-alpine3.20")

    manager("version", "describe", "shop/built", "v2.0.1-alpine3.20", "On another base")
    manager("version", "plan", "shop/built", "v2.0.1-alpine3.20", "deploy on Friday")
    (row,) = manager.table("shop/built", "--variant", "alpine*")

    assert (row["version"], row["variant"], row["prerelease"]) == ("2.0.1", "alpine3.20", False)
    assert (row["digest"], row["platforms"]) == (digest, ["linux/amd64"])
    assert (row["description"], row["described_by"]) == ("On another base", "user:manager")
    assert (row["plan"], row["planned_by"]) == ("deploy on Friday", "user:manager")
    table = manager("version", "list", "shop/built")
    assert "deploy on Friday" in table
    assert table.endswith("tags are read as semver (guessed: it reads 100% of them)\n")
