"""Secrets for Kubernetes as `kubectl create secret` makes them: what they hold lets pull.

No cluster runs here. The kubelet hands what a secret holds for an image to the container runtime,
as user name and password; so does this, and others read the same file themselves.
"""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.accounts import Accounts, Credential
from tests.clients.carriers import Crane
from tests.clients.client import Client, Reach
from tests.clients.containerd import Containerd
from tests.clients.image import Image
from tests.clients.podman import Podman
from tests.clients.test_login import refused
from tests.registry import Registry
from tests.tools import as_root, run, tool

from entrepot.auth.ca_folder import Folder

TYPE = "kubernetes.io/dockerconfigjson"


def kubectl(*arguments: str | Path) -> bytes:
    """Have kubectl make a secret, without a cluster; the .dockerconfigjson in it."""
    command = [tool("kubectl"), "create", "secret", *arguments, "--dry-run=client", "--output=json"]
    secret = json.loads(run(*command).stdout)
    assert secret["type"] == TYPE
    return base64.b64decode(secret["data"][".dockerconfigjson"])


def for_registry(server: str, credential: Credential) -> bytes:
    """As docs/kubernetes-secrets.md has it."""
    return kubectl(
        "docker-registry",
        "entrepot",
        f"--docker-server={server}",
        f"--docker-username={credential.name}",
        f"--docker-password={credential.secret}",
    )


@pytest.fixture
def reach(guarded: tuple[Registry, Accounts], certificates: Folder) -> Reach:
    return Reach(guarded[0].address, certificates.ca.cert)


@pytest.fixture
def pushed(
    guarded: tuple[Registry, Accounts],
    reach: Reach,
    newcomer: Callable[[str, Reach], Client],
    image: Image,
    tmp_path: Path,
) -> str:
    """An image in a project of the test's own."""
    project = tmp_path.name.replace("_", "-").lower()
    pusher = newcomer("skopeo", reach)
    pusher.login(reach.address, guarded[1].robot(f"pusher-{project}", f"writer:{project}/*"))
    reference = f"{reach.address}/{project}/app:1"
    pusher.push(image, reference)
    return reference


def reader(accounts: Accounts, reference: str, number: int = 0) -> Credential:
    """A robot that may pull what the reference names."""
    project = reference.split("/")[1]
    return accounts.robot(f"nodes-{number}-{project}", f"reader:{project}/*")


def test_podman_and_crane(
    guarded: tuple[Registry, Accounts],
    reach: Reach,
    folder: Callable[[str], Path],
    pushed: str,
    image: Image,
) -> None:
    """They read the file as it is; so does CRI-O."""
    as_root("podman")
    held = for_registry(reach.address, reader(guarded[1], pushed))
    podman, crane = Podman(folder("podman"), reach), Crane(folder("crane"), reach)
    with refused:
        podman.pull(pushed)
    for client in (podman, crane):
        (Path(client.env["DOCKER_CONFIG"]) / "config.json").write_bytes(held)

    assert podman.pull(pushed).random == image.random
    assert crane.pull(pushed).random == image.random


def test_containerd(
    guarded: tuple[Registry, Accounts],
    reach: Reach,
    newcomer: Callable[[str, Reach], Client],
    pushed: str,
    image: Image,
) -> None:
    """The kubelet takes `auth` apart, and containerd gets the two halves."""
    held = json.loads(for_registry(reach.address, reader(guarded[1], pushed)))
    auth = base64.b64decode(held["auths"][reach.address]["auth"]).decode()
    name, _, secret = auth.partition(":")
    containerd = newcomer("containerd", reach)
    assert isinstance(containerd, Containerd)
    containerd.login(reach.address, Credential(name, secret))

    assert containerd.pull(pushed).random == image.random


def test_several_registries_in_one_secret(
    guarded: tuple[Registry, Accounts],
    reach: Reach,
    folder: Callable[[str], Path],
    pushed: str,
    image: Image,
    tmp_path: Path,
) -> None:
    """One robot for a project, by its path, beside another registry and a useless login here."""
    useless = guarded[1].robot(f"useless-{tmp_path.name.replace('_', '-').lower()}")
    project = pushed.rpartition("/")[0]
    auths: dict[str, object] = {}
    for server, credential in {
        "elsewhere.test": Credential("somebody", "something"),
        reach.address: useless,
        project: reader(guarded[1], pushed),
    }.items():
        auths |= json.loads(for_registry(server, credential))["auths"]
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": auths}))
    held = kubectl("generic", "entrepot", f"--type={TYPE}", f"--from-file=.dockerconfigjson={file}")
    podman = Podman(folder("podman"), reach)
    (Path(podman.env["DOCKER_CONFIG"]) / "config.json").write_bytes(held)

    assert podman.pull(pushed).random == image.random
