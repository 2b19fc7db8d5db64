"""containerd: a daemon of its own, and the `ctr` command that talks to it."""

import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.accounts import Credential
from tests.clients.client import Pulled, Reach, isolated
from tests.clients.daemon import daemon
from tests.clients.image import TAG, Image, last_layer, random_in
from tests.tools import run, tool

CONFIGURATION = """\
version = 2
root = "{folder}/root"
state = "{folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{folder}/containerd.sock"
[ttrpc]
  address = "{folder}/ttrpc.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
"""


HOSTS = """\
server = "https://{address}"

[host."https://{address}"]
  capabilities = ["pull", "resolve", "push"]
  ca = "{place}/ca.crt"
{client}"""


class Containerd:
    """The `ctr` command with its daemon on `socket`."""

    def __init__(self, folder: Path, socket: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.socket = socket
        self.env = dict(env)
        self.options: list[str] = ["--plain-http"]
        self.user: list[str] = []

    def __call__(self, *arguments: str | Path) -> str:
        return run(tool("ctr"), "--address", self.socket, *arguments, env=self.env).stdout

    def login(self, address: str, credential: Credential) -> None:
        """It keeps nothing: each call says who comes."""
        self.user = ["--user", ":".join(credential.pair)]

    def logout(self, address: str) -> None:
        self.user = []

    def newcomer(self, folder: Path, reach: Reach) -> "Containerd":
        """Another user of the same daemon, who comes by TLS and is not logged in."""
        one = Containerd(self.folder, self.socket, self.env)
        hosts = folder / "hosts"
        reach.install(hosts)
        place = hosts / reach.address
        pair = f'  client = [["{place}/client.cert", "{place}/client.key"]]\n' if reach.pair else ""
        (place / "hosts.toml").write_text(
            HOSTS.format(address=reach.address, place=place, client=pair)
        )
        one.options = ["--hosts-dir", str(hosts)]
        return one

    def push(self, image: Image, reference: str) -> str:
        repository = reference.rpartition(":")[0]
        archive = shutil.make_archive(str(self.folder / uuid.uuid4().hex), "tar", image.layout)
        self("images", "import", "--base-name", repository, archive)
        self("images", "tag", "--force", f"{repository}:{TAG}", reference)
        self("images", "push", *self.options, *self.user, reference)
        return self.digest(reference)

    def pull(self, reference: str) -> Pulled:
        self("images", "pull", *self.options, *self.user, reference)
        digest = self.digest(reference)
        manifest = self.content(digest)
        return Pulled(digest, random_in(self.content(last_layer(manifest))))

    def digest(self, reference: str) -> str:
        """The digest under which containerd keeps an image."""
        for line in self("images", "list").splitlines():
            if line.split()[0] == reference:
                return line.split()[2]
        raise AssertionError(f"containerd has no {reference}")

    def content(self, digest: str) -> bytes:
        """A blob of containerd's content store, as it lies on the disk."""
        blobs = self.folder / "root" / "io.containerd.content.v1.content" / "blobs"
        return (blobs / Path(*digest.split(":"))).read_bytes()

    def run(self, reference: str) -> str:
        """What the image prints when it runs."""
        return self("run", "--rm", reference, f"run-{uuid.uuid4().hex}").strip()

    def forget(self, reference: str) -> None:
        """Remove an image and what only it used."""
        self("images", "remove", "--sync", reference)


@contextmanager
def containerd_daemon(folder: Path) -> Iterator[Containerd]:
    """A containerd whose root, state and socket lie in `folder`."""
    env = isolated(folder / "home")
    configuration = folder / "config.toml"
    configuration.write_text(CONFIGURATION.format(folder=folder))
    socket = folder / "containerd.sock"
    with daemon(folder, socket, [tool("containerd"), "--config", configuration], env):
        yield Containerd(folder, socket, env)
