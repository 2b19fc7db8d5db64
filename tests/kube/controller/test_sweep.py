"""Robots that no PullAccess needs go, also those of one that went while no controller ran."""

import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest
from tests.accounts import Credential as Login
from tests.admin.office import PASSWORD, Office, fresh, opened
from tests.kube.controller.accesses import access, source
from tests.registry import free_port

from entrepot.kube.controller.access import PullAccess, Source
from entrepot.kube.controller.cluster import Cluster
from entrepot.kube.controller.coverage import Coverage
from entrepot.kube.controller.registries import Registries
from entrepot.kube.controller.robots import Robots
from entrepot.kube.controller.sweep import Sweep

ADMIN = Login("admin", PASSWORD)


class Tokens:
    """A cluster whose tokens a registry takes."""

    async def token(self, *_: Any) -> str:
        return PASSWORD


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("sweep") / "data") as office:
        yield office


@pytest.fixture
async def registries() -> AsyncIterator[Registries]:
    trust = ssl.create_default_context()
    found = Registries(cast("Cluster", Tokens()), "entrepot", "admin", trust)
    yield found
    await found.close()


def reported(office: Office) -> Source:
    return Source(host="registry.test", url=office.served.url)


def named(url: str) -> PullAccess:
    """One that says where the API of its registry is."""
    return access(registries=[source("registry.test", url=url)], namespaces=["a"])


def covered(*accesses: PullAccess) -> Coverage:
    return Coverage(accesses, {"a": {}})


async def left(registries: Registries, office: Office, cluster: str) -> str:
    """A robot that a controller made, which ran before; its name."""
    robots = Robots(registries.at(reported(office)), cluster)
    found = named(office.served.url)
    return (await robots.credential(found, found.sources[0], "a", None)).username


def names(office: Office, cluster: str) -> list[str]:
    rows = office.admin.at.get("/robots?limit=500").raise_for_status().json()["items"]
    return [row["username"] for row in rows if row["name"].startswith(f"kube.{cluster}.")]


async def test_where_no_access_is_left(office: Office, registries: Registries) -> None:
    cluster = fresh("cluster")
    await left(registries, office, cluster)
    assert await Sweep(registries, cluster).once(covered()) == []
    assert len(names(office, cluster)) == 1, "nobody knows of that registry"
    assert await Sweep(registries, cluster, reported(office)).once(covered()) == []
    assert names(office, cluster) == []


async def test_what_is_needed_by_another_address_stays(
    office: Office, registries: Registries
) -> None:
    cluster = fresh("cluster")
    robot = await left(registries, office, cluster)
    elsewhere = office.served.url.replace("127.0.0.1", "localhost")
    assert elsewhere != office.served.url
    sweep = Sweep(registries, cluster, reported(office))
    assert await sweep.once(covered(named(elsewhere))) == []
    assert names(office, cluster) == [robot]
    assert await sweep.once(covered()) == []
    assert names(office, cluster) == []


async def test_a_registry_that_only_takes_reports_is_no_trouble(registries: Registries) -> None:
    away = Source(host="registry.test", url=f"http://127.0.0.1:{free_port()}")
    assert await Sweep(registries, "cluster", away).once(covered()) == []
