"""Skopeo, crane and ORAS: they carry an OCI layout to the registry and back, without a daemon."""

import json
import re
import uuid
from pathlib import Path

from tests.clients.client import Pulled, isolated
from tests.clients.image import TAG, Image, digest_of, last_layer, layout_blob, random_in
from tests.tools import run, tool


class Skopeo:
    """The `skopeo` command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = isolated(folder / "home")

    def __call__(self, *arguments: str | Path) -> str:
        return run(tool("skopeo"), *arguments, env=self.env).stdout

    def copy(self, source: str, target: str, *options: str) -> str:
        """Copy from and to anything; the digest that skopeo says."""
        said = self.folder / f"digest-{uuid.uuid4().hex}"
        plain = ["--src-tls-verify=false", "--dest-tls-verify=false", "--digestfile", str(said)]
        self("copy", "--quiet", *plain, *options, source, target)
        return said.read_text().strip()

    def push(self, image: Image, reference: str) -> str:
        return self.copy(f"oci:{image.layout}:{TAG}", f"docker://{reference}")

    def pull(self, reference: str) -> Pulled:
        got = self.folder / uuid.uuid4().hex
        self.copy(f"docker://{reference}", f"dir:{got}")
        manifest = (got / "manifest.json").read_bytes()
        layer = got / last_layer(manifest).partition(":")[2]
        return Pulled(digest_of(manifest), random_in(layer.read_bytes()))


class Crane:
    """The `crane` command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = isolated(folder / "home")

    def __call__(self, *arguments: str | Path) -> str:
        return run(tool("crane"), "--insecure", *arguments, env=self.env).stdout

    def push(self, image: Image, reference: str) -> str:
        return self("push", image.layout, reference).strip().partition("@")[2]

    def pull(self, reference: str) -> Pulled:
        layout = self.folder / uuid.uuid4().hex
        self("pull", "--format=oci", reference, layout)
        index = json.loads((layout / "index.json").read_bytes())
        digest = str(index["manifests"][0]["digest"])
        manifest = layout_blob(layout, digest)
        return Pulled(digest, random_in(layout_blob(layout, last_layer(manifest))))


class Oras:
    """The `oras` command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = isolated(folder / "home")

    def __call__(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        return run(tool("oras"), *arguments, env=self.env, cwd=cwd).stdout

    def push(self, image: Image, reference: str) -> str:
        source = ["--from-oci-layout", f"{image.layout}:{TAG}"]
        return said_digest(self("cp", "--to-plain-http", *source, reference))

    def pull(self, reference: str) -> Pulled:
        layout = self.folder / uuid.uuid4().hex
        target = ["--to-oci-layout", f"{layout}:{TAG}"]
        digest = said_digest(self("cp", "--from-plain-http", reference, *target))
        manifest = layout_blob(layout, digest)
        return Pulled(digest, random_in(layout_blob(layout, last_layer(manifest))))


def said_digest(output: str) -> str:
    """The digest in the last line of what `oras cp` and `oras push` print."""
    found = re.findall(r"^Digest: (sha256:[0-9a-f]{64})$", output, re.MULTILINE)
    assert found, output
    return str(found[-1])
