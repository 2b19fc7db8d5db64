"""One cluster for all tests here, the registries beside it, and a namespace for each test.

They are gone before tests elsewhere run: even an idle cluster takes half a GB and some processor.
"""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.conftest import containerd, docker, folder  # noqa: F401 - fixtures
from tests.cluster.cluster import Cluster, running
from tests.cluster.controller import ACCOUNT, Fleet
from tests.cluster.operator import Operator
from tests.cluster.site import Site, beside
from tests.warm import entrepot

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What waits for a cluster does so for minutes, several times in a row, before it hangs."""
    here = Path(__file__).parent
    for each in items:
        if here in each.path.parents:
            each.add_marker(pytest.mark.timeout(1200), append=False)


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real single-node cluster."""
    with running(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture(scope="package")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The registry that the cluster pulls from."""
    with beside(cluster, tmp_path_factory.mktemp("site") / "one") as site:
        yield site


@pytest.fixture(scope="package")
def other_site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One more registry, with other accounts."""
    with beside(cluster, tmp_path_factory.mktemp("site") / "other") as site:
        yield site


@pytest.fixture(scope="module")
def fleet(
    cluster: Cluster, site: Site, other_site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Controllers: at one registry they are who they are; for the other one there is a secret."""
    with cluster.namespace(f"home-{next(_numbers)}") as home:
        operator = Operator(cluster, site, tmp_path_factory.mktemp("operator"))
        allowed = [f"{home}/{ACCOUNT}={role}:*" for role in ("owner", "reporter")]
        words = [word for each in allowed for word in ("--allow", each)]
        done = operator.kube("connect", *words, "--yes")
        assert done.status == 0, done.error
        yield Fleet(cluster, home, tmp_path_factory.mktemp("fleet"), operator, site, other_site)
        operator.kube("disconnect", "--yes")
        entrepot("kube", "forget", "test", "--yes", **operator.env)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace that is gone when the test is."""
    with cluster.namespace(f"test-{next(_numbers)}") as name:
        yield name


@pytest.fixture
def trusted(site: Site) -> Iterator[None]:
    """docker trusts the registry, as docs/tls.md says it."""
    place = Path("/etc/docker/certs.d") / site.address
    place.mkdir(parents=True)
    shutil.copy(site.ca, place / "ca.crt")
    yield
    shutil.rmtree(place)
