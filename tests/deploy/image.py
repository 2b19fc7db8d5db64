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


def build(folder: Path) -> Image:
    """Build it; nothing comes over the network meanwhile. Its layout is in `folder`."""
    as_root("buildah")
    if not BASE.exists():
        lacking(f"no {BASE} on this machine: run .ci/tools as root, it makes it")
    wheels, env = _wheels(), isolated(folder / "home")

    def buildah(*arguments: str | Path) -> str:
        command = [tool("buildah"), *_storage(folder / "storage"), *arguments]
        return run(*command, env=env, within=400).stdout.strip()

    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, BASE, "/")
    buildah("commit", "--quiet", "--rm", container, "localhost/base:made")
    given = {"BASE": "localhost/base:made", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
    buildah(
        *("bud", "--quiet", "--isolation=chroot", "--pull-never", "--format=oci"),
        *(f"--build-arg={name}={value}" for name, value in given.items()),
        *("--volume", f"{wheels}:/wheels:ro", "--tag", "localhost/entrepot:made"),
        *("--file", ROOT / "deploy" / "Containerfile", ROOT),
    )
    image = Image(folder, b"")
    target = f"oci:{image.layout}:{TAG}"
    buildah("push", "--quiet", "--disable-compression", "localhost/entrepot:made", target)
    shutil.rmtree(folder / "storage")
    return image


def _storage(folder: Path) -> list[str]:
    """Overlays: a copy of the base for each step would take its minutes."""
    places = ["--root", str(folder / "root"), "--runroot", str(folder / "runroot")]
    return [*places, "--storage-driver", "overlay"]


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
