"""The image that `deploy/Containerfile` makes, here on a Debian that `.ci/tools` has made."""

import hashlib
import shutil
import sys
from pathlib import Path

from tests.clients.client import isolated
from tests.clients.image import TAG, Image
from tests.deploy.chart import ROOT
from tests.tools import TOOLS, as_root, lacking, run, tool

BASE = TOOLS / "python-base.tar"
LOCK = ROOT / "locks" / "image.txt"
PYTHON = "3.11"
"""What the base has."""


class Buildah:
    """buildah with storage of its own, in which `python:3.13-slim` is the base, so that nothing
    comes over the network when an image is built. What it has built once it need not build again.
    """

    def __init__(self, folder: Path) -> None:
        as_root("buildah")
        if not BASE.exists():
            lacking(f"no {BASE} on this machine: run .ci/tools as root, it makes it")
        self.storage = folder / "storage"
        # Overlays: a copy of the base for each step would take its minutes.
        storage = folder / "storage.conf"
        places = [f'{name} = "{self.storage}/{name}"' for name in ("graphroot", "runroot")]
        storage.write_text("\n".join(["[storage]", 'driver = "overlay"', *places, ""]))
        containers = folder / "containers.conf"
        containers.write_text(f'[containers]\nvolumes = ["{_wheels()}:/wheels:ro"]\n')
        self.env = {
            **isolated(folder / "home"),
            "BUILDAH_ISOLATION": "chroot",
            "BUILDAH_LAYERS": "true",
            "CONTAINERS_CONF": str(containers),
            "CONTAINERS_STORAGE_CONF": str(storage),
        }
        self._make_base()

    def __call__(self, *arguments: str | Path) -> str:
        return run(tool("buildah"), *arguments, env=self.env, within=900).stdout.strip()

    def remove(self) -> None:
        """Take all images and layers away."""
        shutil.rmtree(self.storage)

    def _make_base(self) -> None:
        """Debian's Python, and a pip that takes only the wheels that each container sees."""
        pip = self.storage.parent / "pip.conf"
        pip.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
        container = self("from", "scratch")
        self("add", "--quiet", container, BASE, "/")
        self("add", "--quiet", container, pip, "/etc/pip.conf")
        self("commit", "--quiet", "--rm", container, "docker.io/library/python:3.13-slim")


def build(buildah: Buildah, folder: Path) -> Image:
    """Build it; its layout is in `folder`."""
    buildah(
        *("bud", "--quiet", "--pull-never", "--tag", "localhost/entrepot:made"),
        *("--file", ROOT / "deploy" / "Containerfile", ROOT),
    )
    image = Image(folder, b"")
    target = f"oci:{image.layout}:{TAG}"
    buildah("push", "--quiet", "--disable-compression", "localhost/entrepot:made", target)
    return image


def _wheels() -> Path:
    """A folder with all that the lock names, fetched once."""
    place = TOOLS / "wheels" / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    if not place.exists():
        fetching = place.with_suffix(".new")
        wanted = ["--only-binary=:all:", f"--python-version={PYTHON}", "--require-hashes"]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", *wanted]
        run(*pip, "--requirement", LOCK, "--dest", fetching, within=300)
        fetching.rename(place)
    return place
