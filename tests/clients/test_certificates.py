"""Client certificates are a login: whoever shows one need not say who they are otherwise."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.accounts import Accounts
from tests.clients.client import Client, Reach
from tests.clients.image import Image
from tests.clients.proxy import NAME
from tests.clients.test_login import forget, refused
from tests.registry import Registry
from tests.tools import as_root, run, tool
from tests.warm import entrepot

from entrepot.auth.ca_folder import Folder, Pair

CLIENTS = ["docker", "podman", "buildah", "skopeo", "containerd", "oras"]


@pytest.fixture
def issued(certificates: Folder) -> Callable[[str], Pair]:
    """Makes a client's certificate, as `entrepot tls client` does."""

    def make(name: str) -> Pair:
        done = entrepot("tls", "client", name, "--dir", str(certificates.path))
        assert done.status == 0, done.error
        return certificates.client(name)

    return make


@pytest.fixture
def installed() -> Iterator[Callable[[Reach], None]]:
    """Puts it where dockerd looks, and nowhere else does."""
    made: list[Path] = []

    def install(reach: Reach) -> None:
        as_root("docker")
        made.append(Path("/etc/docker/certs.d") / reach.address)
        reach.install(made[0].parent)

    yield install
    for path in made:
        shutil.rmtree(path)


@pytest.mark.parametrize("name", CLIENTS)
def test_push_and_pull(
    name: str,
    guarded: tuple[Registry, Accounts],
    certificates: Folder,
    issued: Callable[[str], Pair],
    installed: Callable[[Reach], None],
    newcomer: Callable[[str, Reach], Client],
    image: Image,
) -> None:
    """The account of the certificate may push to one project, and to no other."""
    registry, accounts = guarded
    project, robot = f"certified-{name}", f"node-{name}"
    accounts.robot(robot, f"writer:{project}/*")
    accounts.certificate(robot, f"robot:{robot}")
    reach = Reach(registry.address, certificates.ca.cert, issued(robot))
    if name == "docker":
        port = registry.address.rpartition(":")[2]
        reach = replace(reach, address=f"{NAME}:{port}")
        installed(reach)
    client = newcomer(name, reach)
    reference = f"{reach.address}/{project}/app:1"

    digest = client.push(image, reference)
    forget(client, reference)

    assert client.pull(reference).digest == digest
    with pytest.raises(
        pytest.fail.Exception, match=r"(?i)denied|unauthorized|authorization|forbidden"
    ):
        client.pull(f"{reach.address}/not-theirs/app:1")


def test_a_certificate_that_no_rule_knows_is_nobody(
    guarded: tuple[Registry, Accounts],
    certificates: Folder,
    issued: Callable[[str], Pair],
    newcomer: Callable[[str, Reach], Client],
) -> None:
    reach = Reach(guarded[0].address, certificates.ca.cert, issued("stranger"))
    with refused:
        newcomer("skopeo", reach).pull(f"{reach.address}/team/app:1")


def test_curl(
    guarded: tuple[Registry, Accounts], certificates: Folder, issued: Callable[[str], Pair]
) -> None:
    registry, accounts = guarded
    accounts.robot("curl")
    accounts.certificate("curl", "robot:curl")
    pair = issued("curl")
    trust: list[str | Path] = ["--silent", "--fail", "--cacert", certificates.ca.cert]
    with pytest.raises(pytest.fail.Exception, match="exit 22"):
        run(tool("curl"), *trust, f"{registry.url}/v2/")

    run(tool("curl"), *trust, "--cert", pair.cert, "--key", pair.key, f"{registry.url}/v2/")
