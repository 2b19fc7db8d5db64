"""Podman and Buildah, each with a storage of its own in plain folders."""

import uuid
from pathlib import Path

from tests.accounts import Credential
from tests.clients.client import Pulled, Reach, isolated, log_in
from tests.clients.image import Image
from tests.tools import run, tool

PLAIN = "--tls-verify=false"


class Podman:
    """The `podman` command with its storage in `folder`."""

    def __init__(self, folder: Path, reach: Reach | None = None) -> None:
        self.folder = folder
        self.env = isolated(folder / "home")
        self.plain = trust(folder / "home", reach)
        self.globals = [
            *storage(folder),
            *("--tmpdir", str(folder / "tmp")),
            *("--cgroup-manager", "cgroupfs"),
            *("--events-backend", "file"),
            # crun refuses cgroups in hybrid mode (v1 with a v2 tree beside); runc takes both.
            *("--runtime", "runc"),
        ]

    def __call__(self, *arguments: str | Path) -> str:
        return run(tool("podman"), *self.globals, *arguments, env=self.env).stdout

    def login(self, address: str, credential: Credential) -> None:
        command: list[str | Path] = [tool("podman"), *self.globals]
        log_in(command, [*self.plain, address], credential, self.env)

    def logout(self, address: str) -> None:
        self("logout", address)

    def build(self, image: Image, reference: str) -> None:
        self("build", "--quiet", "--tag", reference, image.context)

    def push(self, image: Image, reference: str) -> str:
        self.build(image, reference)
        said = self.folder / f"digest-{uuid.uuid4().hex}"
        self("push", "--quiet", *self.plain, "--digestfile", said, reference)
        return said.read_text().strip()

    def pull(self, reference: str) -> Pulled:
        self("pull", "--quiet", *self.plain, reference)
        digest = self("image", "inspect", "--format", "{{.Digest}}", reference).strip()
        mounted = Path(self("image", "mount", reference).strip())
        random = (mounted / "random").read_bytes()
        self("image", "unmount", reference)
        return Pulled(digest, random)

    def run(self, reference: str) -> str:
        """What the image prints when it runs."""
        # Podman raises the limits of files and processes to its own numbers, which needs
        # CAP_SYS_RESOURCE; low ones, named, run in a sandbox that withholds it.
        limits = ["--ulimit=nofile=1000:1000", "--ulimit=nproc=1000:1000"]
        return self("run", "--rm", "--network=none", *limits, reference).strip()

    def forget(self, reference: str) -> None:
        """Remove an image, so that a pull has to fetch it."""
        self("rmi", "--force", reference)


class Buildah:
    """The `buildah` command with its storage in `folder`."""

    def __init__(self, folder: Path, reach: Reach | None = None) -> None:
        self.folder = folder
        self.env = isolated(folder / "home")
        self.plain = trust(folder / "home", reach)

    def __call__(self, *arguments: str | Path) -> str:
        return run(tool("buildah"), *storage(self.folder), *arguments, env=self.env).stdout

    def login(self, address: str, credential: Credential) -> None:
        command: list[str | Path] = [tool("buildah"), *storage(self.folder)]
        log_in(command, [*self.plain, address], credential, self.env)

    def logout(self, address: str) -> None:
        self("logout", address)

    def build(self, image: Image, reference: str, *options: str) -> None:
        self("bud", "--quiet", "--isolation=chroot", "--tag", reference, *options, image.context)

    def push(self, image: Image, reference: str) -> str:
        self.build(image, reference)
        said = self.folder / f"digest-{uuid.uuid4().hex}"
        self("push", "--quiet", *self.plain, "--digestfile", said, reference)
        return said.read_text().strip()

    def pull(self, reference: str) -> Pulled:
        self("pull", "--quiet", *self.plain, reference)
        shown = ["inspect", "--type=image", "--format", "{{.FromImageDigest}}", reference]
        digest = self(*shown).strip()
        container = self("from", "--pull-never", reference).strip()
        mounted = Path(self("mount", container).strip())
        random = (mounted / "random").read_bytes()
        self("rm", container)
        return Pulled(digest, random)

    def forget(self, reference: str) -> None:
        """Remove an image, so that a pull has to fetch it."""
        self("rmi", "--force", reference)


def trust(home: Path, reach: Reach | None) -> list[str]:
    """Trust a registry, or the option that does without: for all who read containers-certs.d(5)."""
    if reach is None:
        return [PLAIN]
    reach.install(home / ".config" / "containers" / "certs.d")
    return []


def storage(folder: Path) -> list[str]:
    """Plain folders as storage: slower than overlay, mounts nothing."""
    return [
        *("--root", str(folder / "root")),
        *("--runroot", str(folder / "runroot")),
        *("--storage-driver", "vfs"),
    ]
