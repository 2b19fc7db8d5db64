"""Docker: a dockerd of its own, and the `docker` command that talks to it."""

import json
import os
import re
import signal
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.accounts import Credential
from tests.clients.client import Pulled, isolated, log_in
from tests.clients.daemon import daemon
from tests.clients.image import Image
from tests.tools import run, tool

DIGEST = re.compile(r"digest: (sha256:[0-9a-f]{64})", re.IGNORECASE)


class Docker:
    """The `docker` command with its daemon on `socket`."""

    def __init__(self, folder: Path, socket: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.socket = socket
        self.env = {**env, "DOCKER_HOST": f"unix://{socket}", "DOCKER_BUILDKIT": "0"}

    def __call__(self, *arguments: str | Path) -> str:
        return run(tool("docker"), *arguments, env=self.env).stdout

    def login(self, address: str, credential: Credential) -> None:
        log_in([tool("docker")], [address], credential, self.env)

    def logout(self, address: str) -> None:
        self("logout", address)

    def newcomer(self, folder: Path) -> "Docker":
        """Another user of the same daemon, who is not logged in."""
        return Docker(folder, self.socket, isolated(folder / "home"))

    def build(self, image: Image, reference: str) -> None:
        self("build", "--quiet", "--tag", reference, image.context)

    def push(self, image: Image, reference: str) -> str:
        self.build(image, reference)
        return said_digest(self("push", reference))

    def pull(self, reference: str) -> Pulled:
        digest = said_digest(self("pull", reference))
        container = f"look-{uuid.uuid4().hex}"
        copy = self.folder / container
        self("create", "--name", container, reference)
        self("cp", f"{container}:/random", copy)
        self("rm", container)
        return Pulled(digest, copy.read_bytes())

    @contextmanager
    def configured(self, text: str) -> Iterator[None]:
        """Its daemon has read these settings, for as long as the block lasts."""
        try:
            self._reload(text)
            yield
        finally:
            self._reload('{"registry-mirrors": []}')

    def _reload(self, text: str) -> None:
        wanted = [f"{mirror}/" for mirror in json.loads(text)["registry-mirrors"]]
        self._mirrors()  # a daemon that does not answer yet dies of SIGHUP
        (self.folder / "daemon.json").write_text(text)
        os.kill(int((self.folder / "pid").read_text()), signal.SIGHUP)
        deadline = time.monotonic() + 60
        while self._mirrors() != wanted:
            assert time.monotonic() < deadline, "dockerd did not read its daemon.json"
            time.sleep(0.1)

    def _mirrors(self) -> list[str]:
        found: list[str] = json.loads(self("info", "--format", "{{json .RegistryConfig.Mirrors}}"))
        return found

    def run(self, reference: str) -> str:
        """What the image prints when it runs."""
        return self("run", "--rm", "--network=none", reference).strip()

    def forget(self, reference: str) -> None:
        """Remove an image, so that a pull has to fetch it."""
        self("rmi", "--force", reference)


def said_digest(output: str) -> str:
    """The digest in what `docker push` or `docker pull` prints."""
    found = DIGEST.search(output)
    assert found is not None, output
    return found[1]


@contextmanager
def docker_daemon(folder: Path, containerd: Path, proxy: str) -> Iterator[Docker]:
    """A dockerd with everything of its own; it runs containers through the given containerd."""
    env = {
        **isolated(folder / "home"),
        "HTTPS_PROXY": proxy,
        "NO_PROXY": "192.0.2.0/24,10.233.0.0/16",
    }
    configuration = folder / "daemon.json"
    configuration.write_text("{}")
    socket = folder / "docker.sock"
    command: list[str | Path] = [
        tool("dockerd"),
        *("--config-file", configuration),
        *("--data-root", folder / "root"),
        *("--exec-root", folder / "exec"),
        *("--pidfile", folder / "pid"),
        *("--host", f"unix://{socket}"),
        *("--containerd", containerd),
        *("--bridge=none", "--iptables=false", "--ip6tables=false"),
    ]
    with daemon(folder, socket, command, env):
        yield Docker(folder, socket, env)
