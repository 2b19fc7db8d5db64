"""`Site`: a registry with accounts and TLS, at an address that the node reaches, with images."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.accounts import ADMIN, Accounts, Credential
from tests.clients.carriers import Skopeo
from tests.clients.client import Reach
from tests.clients.image import MIB, Image, make_image
from tests.cluster.cluster import Cluster
from tests.registry import Registry, free_port, serving
from tests.tools import tool
from tests.warm import entrepot

from entrepot.auth.ca_folder import Folder


class Site:
    """A registry that the node of a cluster trusts."""

    def __init__(self, folder: Path, registry: Registry, tls: Folder) -> None:
        self.registry = registry
        self.address = registry.address
        self.ca = tls.ca.cert
        self.accounts = Accounts(registry.data)
        self._folder = folder
        self._skopeo = Skopeo(folder / "skopeo", Reach(self.address, self.ca))
        self.pusher = self.accounts.robot("pusher", "writer:*")
        self._skopeo.login(self.address, self.pusher)

    def push(self, repository: str, tag: str = "1") -> str:
        """An image of its own that greets; its reference."""
        number = sum(1 for _ in self._folder.glob("image-*"))
        image: Image = make_image(self._folder / f"image-{number}", tool("busybox"), MIB // 16)
        reference = f"{self.address}/{repository}:{tag}"
        self._skopeo.push(image, reference)
        return reference

    def carry(self, source: str, reference: str) -> str:
        """Push what skopeo knows by another name; its digest."""
        return self._skopeo.copy(source, f"docker://{reference}")

    def reader(self, name: str, *patterns: str) -> Credential:
        """A robot that may pull what the patterns name, and nothing else."""
        return self.accounts.robot(name, *(f"reader:{pattern}" for pattern in patterns))

    def docker_config(self, credential: Credential) -> str:
        """What a pull secret holds."""
        name, secret = credential.pair
        return json.dumps({"auths": {self.address: {"username": name, "password": secret}}})


@contextmanager
def beside(cluster: Cluster, folder: Path, **settings: str) -> Iterator[Site]:
    """A registry on the address of the control plane, with a certificate by `entrepot tls init`.

    Its administrator is `tests.accounts.ADMIN`, and it has these settings besides.
    """
    folder.mkdir(parents=True)
    host = cluster.network.host
    done = entrepot("tls", "init", "--dir", str(folder / "tls"), f"--name={host}")
    assert done.status == 0, done.error
    tls = Folder(folder / "tls")
    with serving(
        folder / "registry",
        listen=f"{host}:{free_port()}",
        dangerously_without_accounts=False,
        admin_password=ADMIN.secret,
        tls_cert=tls.server.cert,
        tls_key=tls.server.key,
        **settings,
    ) as registry:
        cluster.node.trust(registry.address, tls.ca.cert)
        yield Site(folder, registry, tls)
