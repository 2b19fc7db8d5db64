"""Each client logs in over TLS, with whatever there is to log in with, and is refused without."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.accounts import Accounts, Credential
from tests.clients.carriers import Crane, Oras, Skopeo
from tests.clients.client import Client, Reach
from tests.clients.helm import Helm
from tests.clients.image import Image
from tests.registry import Registry, StartRegistry

from entrepot.auth.ca_folder import Folder

CLIENTS = ["docker", "podman", "buildah", "skopeo", "containerd", "crane", "oras"]
KINDS = ["password", "token", "robot", "workload"]

refused = pytest.raises(
    pytest.fail.Exception, match=r"(?i)unauthorized|invalid username|log in first|login_required"
)


@pytest.fixture
def reach(guarded: tuple[Registry, Accounts], certificates: Folder) -> Reach:
    return Reach(guarded[0].address, certificates.ca.cert)


def credential(accounts: Accounts, kind: str, name: str, *granted: str) -> Credential:
    """Something new to log in with, and what it lets do."""
    if kind in {"robot", "workload"}:
        make = accounts.robot if kind == "robot" else accounts.workload
        return make(name, *granted)
    user = accounts.user(name, *granted)
    return accounts.token(name) if kind == "token" else user


def forget(client: Client, reference: str) -> None:
    """Remove the image from the client's storage, where it has one, so that a pull fetches it."""
    if not isinstance(client, Skopeo | Crane | Oras):
        client.forget(reference)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CLIENTS)
def test_push_and_pull(
    name: str,
    kind: str,
    guarded: tuple[Registry, Accounts],
    reach: Reach,
    newcomer: Callable[[str, Reach], Client],
    image: Image,
) -> None:
    _, accounts = guarded
    project = f"{name}-{kind}"
    reference = f"{reach.address}/{project}/app:1"
    client = newcomer(name, reach)
    client.login(
        reach.address, credential(accounts, kind, f"{kind}-of-{name}", f"writer:{project}/*")
    )
    digest = client.push(image, reference)
    forget(client, reference)

    assert client.pull(reference).digest == digest

    forget(client, reference)
    client.logout(reach.address)
    with refused:
        client.pull(reference)
    with refused:
        client.push(image, f"{reach.address}/{project}/app:2")


@pytest.mark.parametrize("name", CLIENTS)
def test_public_is_pulled_without_login(
    name: str,
    guarded: tuple[Registry, Accounts],
    reach: Reach,
    newcomer: Callable[[str, Reach], Client],
    image: Image,
) -> None:
    _, accounts = guarded
    project = f"open-to-{name}"
    accounts.project(project, public=True)
    reference = f"{reach.address}/{project}/app:1"
    client = newcomer(name, reach)
    client.login(reach.address, accounts.robot(f"pusher-{name}", f"writer:{project}/*"))
    digest = client.push(image, reference)
    forget(client, reference)
    client.logout(reach.address)

    assert client.pull(reference).digest == digest

    if name != "containerd":  # its daemon tries again and again, and says only that
        with refused:
            client.push(image, f"{reach.address}/{project}/app:2")


@pytest.mark.parametrize("secret", ["wrong-password", f"entrepot_pat_{'0' * 49}"])
@pytest.mark.parametrize("name", CLIENTS)
def test_what_is_not_good_is_refused(
    name: str,
    secret: str,
    certificates: Folder,
    start_registry: StartRegistry,
    newcomer: Callable[[str, Reach], Client],
) -> None:
    """At the login; crane and containerd find out later."""
    registry = start_registry(
        dangerously_without_accounts=False,
        tls_cert=certificates.server.cert,
        tls_key=certificates.server.key,
    )
    Accounts(registry.data).user("alice", "admin:*")
    client = newcomer(name, Reach(registry.address, certificates.ca.cert))

    with refused:
        client.login(registry.address, Credential("alice", secret))
        client.pull(f"{registry.address}/team/app:1")


@pytest.mark.parametrize("kind", KINDS)
def test_helm(
    kind: str,
    guarded: tuple[Registry, Accounts],
    reach: Reach,
    folder: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    helm = Helm(folder("helm"), reach)
    granted = credential(guarded[1], kind, f"{kind}-of-helm", f"writer:helm-{kind}/*")
    source = f"oci://{reach.address}/helm-{kind}"
    chart = helm.package("demo", "1.0.0")
    pull = [
        "pull",
        *helm.reach,
        f"{source}/demo",
        "--version=1.0.0",
        "--destination",
        str(tmp_path),
    ]
    with refused:
        helm.login(reach.address, Credential(f"not-{kind}", "wrong password"))

    helm.login(reach.address, granted)
    helm("push", *helm.reach, chart, source)
    helm(*pull)
    assert (tmp_path / "demo-1.0.0.tgz").read_bytes() == chart.read_bytes()

    helm.logout(reach.address)
    with refused:
        helm(*pull)
