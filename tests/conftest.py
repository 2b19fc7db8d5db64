"""What every test may ask for: a running registry, shared or its own."""

import shutil
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from tests import hashing as _quickly  # noqa: F401 - before what hashes
from tests import served as apps
from tests.postgres import Postgres
from tests.postgres import running as running_postgres
from tests.registry import Registry, StartRegistry, serving
from tests.served import CLASSES, Served
from tests.tools import REQUIRED
from tests.waiting import SECONDS
from tests.warm import entrepot

from entrepot.auth.ca_folder import Folder

if TYPE_CHECKING:
    from tests.clients.image import Image
    from tests.deploy.image import Buildah
    from tests.replicas.fleet import Fleet
    from tests.seaweed import Bucket, Seaweed


# A slow machine may stand still for longer than the 5 s that clients wait by themselves for an
# answer, and than the 0.2 s that hypothesis grants to an example. Examples are the same each time.
for _part in ("read", "write", "pool"):
    setattr(httpx._config.DEFAULT_TIMEOUT_CONFIG, _part, float(SECONDS))
settings.register_profile(
    "patient", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


def pytest_report_header() -> str:
    """Say at the top whether a missing program fails or skips its tests."""
    return f"programs for tests: {'required' if REQUIRED else 'skip what is missing'}"


_FIRST = ("cluster", "clients", "crash", "upkeep", "replicas", "security")
"""Folders that take long."""
_TOGETHER = _FIRST[:2]
"""Folders that share a cluster, or daemons."""
_ALSO = {"tests/deploy/test_image.py": "cluster"}
"""Files that share with a folder what takes long to make: the registry's own image."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Over several processes (`make test`) a file's tests share what they have set up."""
    from xdist.scheduler import LoadScopeScheduling

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _group
    return scheduler


def _group(test: str) -> str:
    path = test.partition("::")[0]
    folder = path.split("/")[1]
    return folder if folder in _TOGETHER else _ALSO.get(path, path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long begins first, so that no process waits for another in the end."""
    if hasattr(config, "workerinput"):
        rank = {name: place for place, name in enumerate(_FIRST)}
        root = Path(__file__).parent
        items.sort(key=lambda it: rank.get(it.path.relative_to(root).parts[0], len(rank)))


@pytest.fixture(scope="session", autouse=True)
def trust() -> Iterator[None]:
    """What the tests' own clients trust: they share it, since each would read all the CAs anew."""
    make = httpx.create_ssl_context
    shared = make()

    def context(verify: Any = True, **more: Any) -> ssl.SSLContext:
        return shared if verify is True and not more.get("cert") else make(verify, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", context)
        yield


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """One registry for the whole run, with the settings it has by itself."""
    with serving(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A CA, and a certificate for servers on loopback, as `entrepot tls init` makes them."""
    folder = tmp_path_factory.mktemp("tls")
    names = [f"--name={name}" for name in ("127.0.0.1", "localhost", "registry.test")]
    done = entrepot("tls", "init", "--dir", str(folder), *names)
    assert done.status == 0, done.error
    return Folder(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole run."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    """An empty database of the test's own."""
    url = postgres.new()
    yield url
    postgres.drop(url)


@pytest.fixture(scope="session")
def fleet(
    postgres: Postgres, seaweed: "Seaweed", tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Fleet"]:
    """Three replicas without accounts that tests share, behind nginx."""
    from tests.replicas import fleet as fleets

    url, folder = postgres.new(), tmp_path_factory.mktemp("fleet")
    with seaweed.bucket() as bucket, fleets.running(folder, url, bucket) as found:
        yield found
    postgres.drop(url)


@pytest.fixture
def start_registry(tmp_path: Path) -> Iterator[StartRegistry]:
    """Starts registries that only this test talks to; all are stopped and checked at its end."""
    with ExitStack() as running:
        count = 0

        def start(**settings: str | int | bool | Path) -> Registry:
            nonlocal count
            count += 1
            return running.enter_context(serving(tmp_path / f"registry-{count}", **settings))

        yield start


@pytest.fixture(scope="session", params=CLASSES)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server that tests share, each with a repository of its own."""
    with apps.serving(tmp_path_factory.mktemp("served") / "data", request.param) as served:
        yield served


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Seaweed"]:
    """A store of objects that tests share, each with a bucket of its own; its credentials are
    where every client looks for them.
    """
    from tests import seaweed

    with pytest.MonkeyPatch.context() as environment:
        for name, value in seaweed.CREDENTIALS.items():
            environment.setenv(name, value)
        with seaweed.serving(tmp_path_factory.mktemp("seaweed")) as server:
            yield server


@pytest.fixture
def bucket(seaweed: "Seaweed") -> Iterator["Bucket"]:
    """An empty bucket."""
    with seaweed.bucket() as bucket:
        yield bucket


@pytest.fixture(scope="session")
def image_builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Buildah"]:
    """What builds the registry's own image, with the base that it is built on."""
    from tests.deploy.image import Buildah

    builder = Buildah(tmp_path_factory.mktemp("image-builder"))
    yield builder
    builder.remove()


@pytest.fixture(scope="session")
def own_image(
    image_builder: "Buildah", tmp_path_factory: pytest.TempPathFactory
) -> Iterator["Image"]:
    """The registry's own image, by `deploy/Containerfile`."""
    from tests.deploy import image

    folder = tmp_path_factory.mktemp("own-image")
    yield image.build(image_builder, folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(served: Served) -> httpx.Client:
    return served.client
