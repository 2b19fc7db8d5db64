"""Skopeo, crane and ORAS: they carry an OCI layout to the registry and back, without a daemon."""

import json
import re
import uuid
from pathlib import Path

from tests.accounts import Credential
from tests.clients.client import Pulled, Reach, isolated, log_in
from tests.clients.image import TAG, Image, digest_of, last_layer, layout_blob, random_in
from tests.clients.podman import trust
from tests.tools import run, tool


class Skopeo:
    """The `skopeo` command."""

    def __init__(self, folder: Path, reach: Reach | None = None) -> None:
        self.folder = folder
        self.env = isolated(folder / "home")
        self.plain = trust(folder / "home", reach)

    def __call__(self, *arguments: str | Path) -> str:
        return run(tool("skopeo"), *arguments, env=self.env).stdout

    def login(self, address: str, credential: Credential) -> None:
        log_in([tool("skopeo")], [*self.plain, address], credential, self.env)

    def logout(self, address: str) -> None:
        self("logout", address)

    def copy(self, source: str, target: str, *options: str) -> str:
        """Copy from and to anything; the digest that skopeo says."""
        said = self.folder / f"digest-{uuid.uuid4().hex}"
        ends = [f"--{end}-{option[2:]}" for end in ("src", "dest") for option in self.plain]
        self("copy", "--quiet", *ends, "--digestfile", said, *options, source, target)
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

    def __init__(self, folder: Path, reach: Reach | None = None) -> None:
        self.folder = folder
        self.env = isolated(folder / "home")
        self.globals = ["--insecure"] if reach is None else []
        if reach is not None:
            self.env["SSL_CERT_FILE"] = str(reach.ca)

    def __call__(self, *arguments: str | Path) -> str:
        return run(tool("crane"), *self.globals, *arguments, env=self.env).stdout

    def login(self, address: str, credential: Credential) -> None:
        log_in([tool("crane"), *self.globals, "auth"], [address], credential, self.env)

    def logout(self, address: str) -> None:
        self("auth", "logout", address)

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

    def __init__(self, folder: Path, reach: Reach | None = None) -> None:
        self.folder = folder
        self.env = isolated(folder / "home")
        self.reach = ["--plain-http"] if reach is None else reach.options

    def __call__(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        return run(tool("oras"), *arguments, env=self.env, cwd=cwd).stdout

    def login(self, address: str, credential: Credential) -> None:
        log_in([tool("oras")], [*self.reach, address], credential, self.env)

    def logout(self, address: str) -> None:
        self("logout", address)

    def push(self, image: Image, reference: str) -> str:
        source = ["--from-oci-layout", f"{image.layout}:{TAG}"]
        return said_digest(self("cp", *self._end("to"), *source, reference))

    def pull(self, reference: str) -> Pulled:
        layout = self.folder / uuid.uuid4().hex
        target = ["--to-oci-layout", f"{layout}:{TAG}"]
        digest = said_digest(self("cp", *self._end("from"), reference, *target))
        manifest = layout_blob(layout, digest)
        return Pulled(digest, random_in(layout_blob(layout, last_layer(manifest))))

    def _end(self, end: str) -> list[str]:
        """How to come to one end of a copy."""
        return [f"--{end}-{word[2:]}" if word.startswith("--") else word for word in self.reach]


def said_digest(output: str) -> str:
    """The digest in the last line of what `oras cp` and `oras push` print."""
    found = re.findall(r"^Digest: (sha256:[0-9a-f]{64})$", output, re.MULTILINE)
    assert found, output
    return str(found[-1])
