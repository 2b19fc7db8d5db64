"""The clients, each with a home and a storage of its own that the run takes away again."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.accounts import Accounts
from tests.clients.carriers import Crane, Oras, Skopeo
from tests.clients.client import Client, Reach
from tests.clients.containerd import Containerd, containerd_daemon
from tests.clients.docker import Docker, docker_daemon
from tests.clients.helm import Helm
from tests.clients.image import Image, make_image
from tests.clients.podman import Buildah, Podman
from tests.clients.proxy import proxy
from tests.registry import Registry, serving
from tests.tools import as_root, tool

from entrepot.auth.ca_folder import Folder

MakeImage = Callable[[], Image]


@pytest.fixture(scope="session")
def folder() -> Iterator[Callable[[str], Path]]:
    """Makes a folder that is gone at the end of the run: images are large.

    Its path is short, which pytest's are not in each of several processes: podman refuses to
    run in one of over 50 characters.
    """
    made: list[Path] = []

    def make(name: str) -> Path:
        made.append(Path(tempfile.mkdtemp(prefix=f"{name}-")))
        return made[-1]

    yield make
    for path in made:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def new_image(folder: Callable[[str], Path]) -> MakeImage:
    """Makes an image that nobody has seen."""
    return lambda: make_image(folder("image"), tool("busybox"))


@pytest.fixture
def image(new_image: MakeImage) -> Image:
    """One new image."""
    return new_image()


@pytest.fixture
def other_image(new_image: MakeImage) -> Image:
    """One more new image."""
    return new_image()


@pytest.fixture(scope="session")
def containerd(folder: Callable[[str], Path]) -> Iterator[Containerd]:
    as_root("containerd")
    with containerd_daemon(folder("containerd")) as containerd:
        yield containerd


@pytest.fixture(scope="session")
def docker(folder: Callable[[str], Path], containerd: Containerd) -> Iterator[Docker]:
    as_root("dockerd")
    with proxy() as url, docker_daemon(folder("docker"), containerd.socket, url) as docker:
        yield docker


@pytest.fixture(scope="session")
def podman(folder: Callable[[str], Path]) -> Podman:
    as_root("podman")
    return Podman(folder("podman"))


@pytest.fixture(scope="session")
def buildah(folder: Callable[[str], Path]) -> Buildah:
    as_root("buildah")
    return Buildah(folder("buildah"))


@pytest.fixture(scope="session")
def skopeo(folder: Callable[[str], Path]) -> Skopeo:
    return Skopeo(folder("skopeo"))


@pytest.fixture(scope="session")
def crane(folder: Callable[[str], Path]) -> Crane:
    return Crane(folder("crane"))


@pytest.fixture(scope="session")
def oras(folder: Callable[[str], Path]) -> Oras:
    return Oras(folder("oras"))


@pytest.fixture(scope="session")
def helm(folder: Callable[[str], Path]) -> Helm:
    return Helm(folder("helm"))


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Callable[[str], Client]:
    """Finds a client by its name."""

    def find(name: str) -> Client:
        found: Client = request.getfixturevalue(name)
        return found

    return find


NEWCOMERS: dict[str, Callable[[Path, Reach], Client]] = {
    "podman": Podman,
    "buildah": Buildah,
    "skopeo": Skopeo,
    "crane": Crane,
    "oras": Oras,
}


@pytest.fixture
def newcomer(
    request: pytest.FixtureRequest, folder: Callable[[str], Path]
) -> Callable[[str, Reach], Client]:
    """Makes a client that trusts a registry over TLS, and is not logged in."""

    def make(name: str, reach: Reach) -> Client:
        own = folder(name)
        if name == "docker":  # which takes any certificate on loopback
            docker: Docker = request.getfixturevalue(name)
            return docker.newcomer(own)
        if name == "containerd":
            containerd: Containerd = request.getfixturevalue(name)
            return containerd.newcomer(own, reach)
        if name in {"podman", "buildah"}:
            as_root(name)
        return NEWCOMERS[name](own, reach)

    return make


@pytest.fixture(scope="session")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, certificates: Folder
) -> Iterator[tuple[Registry, Accounts]]:
    """A registry with accounts, TLS, and client certificates; and the way to its accounts."""
    folder = tmp_path_factory.mktemp("guarded")
    with serving(
        folder,
        dangerously_without_accounts=False,
        tls_cert=certificates.server.cert,
        tls_key=certificates.server.key,
        tls_client_ca=certificates.ca.cert,
    ) as registry:
        yield registry, Accounts(registry.data)
