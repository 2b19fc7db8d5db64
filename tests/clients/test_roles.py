"""What a login lets do, and when it ends: with real clients against a registry with accounts."""

import base64
import json
from collections.abc import Callable

import pytest
from tests.accounts import Accounts, Credential
from tests.clients.carriers import Crane, Oras, Skopeo
from tests.clients.client import Client, Reach
from tests.clients.docker import Docker
from tests.clients.image import Image
from tests.clients.test_login import refused
from tests.registry import Registry

from entrepot.auth.ca_folder import Folder

Newcomer = Callable[[str, Credential], Client]

denied = pytest.raises(pytest.fail.Exception, match=r"(?i)denied|unauthorized|403|401")
not_moved = pytest.raises(
    pytest.fail.Exception,
    match="app:1 is another image already, and moving a tag takes the role maintainer",
)


@pytest.fixture
def address(guarded: tuple[Registry, Accounts]) -> str:
    return guarded[0].address


@pytest.fixture
def accounts(guarded: tuple[Registry, Accounts]) -> Accounts:
    return guarded[1]


@pytest.fixture
def logged_in(
    address: str, certificates: Folder, newcomer: Callable[[str, Reach], Client]
) -> Newcomer:
    """A client that someone has logged in with."""

    def make(name: str, credential: Credential) -> Client:
        client = newcomer(name, Reach(address, certificates.ca.cert))
        client.login(address, credential)
        return client

    return make


def kept(docker: Docker, address: str) -> dict[str, str]:
    """What `docker login` has kept."""
    config = json.loads((docker.folder / "home" / "docker" / "config.json").read_text())
    found: dict[str, str] = config["auths"][address]
    return found


def test_docker_keeps_no_password(
    address: str, accounts: Accounts, logged_in: Newcomer, image: Image
) -> None:
    """It keeps a token of ours in its place, which ends when the password changes."""
    user = accounts.user("refreshed", "writer:refreshed/*")
    docker = logged_in("docker", user)
    assert isinstance(docker, Docker)
    found = kept(docker, address)
    assert found["identitytoken"].startswith("entrepot_ref_")
    assert user.secret.encode() not in base64.b64decode(found["auth"])

    docker.push(image, f"{address}/refreshed/app:1")
    accounts.password("refreshed", "another password")

    with refused:
        docker("push", f"{address}/refreshed/app:1")


@pytest.mark.parametrize("name", ["docker", "podman", "skopeo", "crane", "oras"])
def test_a_writer_adds_tags_and_moves_none(
    name: str,
    address: str,
    accounts: Accounts,
    logged_in: Newcomer,
    image: Image,
    other_image: Image,
) -> None:
    repository = f"{address}/moved-{name}/app"
    writer = logged_in(name, accounts.robot(f"adds-{name}", f"writer:moved-{name}/*"))
    first = writer.push(image, f"{repository}:1")

    with not_moved:
        writer.push(other_image, f"{repository}:1")
    writer.push(other_image, f"{repository}:2")

    maintainer = logged_in(name, accounts.robot(f"moves-{name}", f"maintainer:moved-{name}/*"))
    assert maintainer.push(other_image, f"{repository}:1") != first


def delete(client: Client, reference: str, digest: str) -> None:
    """Delete a manifest."""
    if isinstance(client, Skopeo):
        client("delete", f"docker://{reference}")
    elif isinstance(client, Crane):
        client("delete", f"{reference.rpartition(':')[0]}@{digest}")
    else:
        assert isinstance(client, Oras)
        client("manifest", "delete", *client.reach, "--force", reference)


@pytest.mark.parametrize("name", ["skopeo", "crane", "oras"])
def test_a_maintainer_deletes_and_a_writer_does_not(
    name: str, address: str, accounts: Accounts, logged_in: Newcomer, image: Image
) -> None:
    project = f"deleted-{name}"
    reference = f"{address}/{project}/app:1"
    writer = logged_in(name, accounts.robot(f"pushes-{name}", f"writer:{project}/*"))
    digest = writer.push(image, reference)

    with denied:
        delete(writer, reference, digest)
    assert writer.pull(reference).digest == digest

    maintainer = logged_in(name, accounts.robot(f"deletes-{name}", f"maintainer:{project}/*"))
    delete(maintainer, reference, digest)
    with pytest.raises(pytest.fail.Exception, match=r"(?i)manifest.unknown|not found"):
        writer.pull(reference)


@pytest.mark.parametrize(
    ("grant", "says"),
    [("reader:{}-source/*", "Mounted from {}-source/app"), ("reader:elsewhere/*", "Pushed")],
    ids=["may read", "may not read"],
)
def test_docker_mounts_from_where_it_may_pull(
    grant: str,
    says: str,
    address: str,
    accounts: Accounts,
    logged_in: Newcomer,
    image: Image,
    request: pytest.FixtureRequest,
) -> None:
    """The daemon knows where it has pushed a layer; whoever pushes it next may see less."""
    name = f"mount-{request.node.callspec.indices['grant']}"
    source, target = f"{address}/{name}-source/app:1", f"{address}/{name}-target/app:1"
    owner = logged_in("docker", accounts.robot(f"{name}-owner", f"writer:{name}-source/*"))
    other = logged_in(
        "docker",
        accounts.robot(f"{name}-other", f"writer:{name}-target/*", grant.format(name)),
    )
    assert isinstance(other, Docker)
    owner.push(image, source)
    other("tag", source, target)

    said = other("push", target)

    assert says.format(name) in said
    assert ("Mounted" in said) == ("Mounted" in says)
