"""Images made here: a static busybox and some random MiB, as a build context and as an OCI layout.

The last layer holds one file, `/random`: whoever pulls the image shows its bytes to prove that
the layer arrived whole. Every image has bytes of its own, so that no client has them already.
"""

import gzip
import io
import json
import secrets
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

TAG = "made"
GREETING = "hello from the image"
MIB = 1024 * 1024

DOCKERFILE = f"""\
FROM scratch
COPY busybox /bin/busybox
COPY random /random
CMD ["/bin/busybox", "echo", "{GREETING}"]
"""


@dataclass(frozen=True, slots=True)
class Image:
    """One image in two shapes, with the same files in both."""

    folder: Path
    random: bytes

    @property
    def context(self) -> Path:
        """A folder with a Dockerfile."""
        return self.folder / "context"

    @property
    def layout(self) -> Path:
        """An OCI image layout whose only entry is tagged `TAG`."""
        return self.folder / "layout"

    @property
    def manifest(self) -> bytes:
        """The manifest of the layout's image."""
        index = json.loads((self.layout / "index.json").read_bytes())
        return layout_blob(self.layout, index["manifests"][0]["digest"])


def make_image(folder: Path, busybox: Path, size: int = 3 * MIB) -> Image:
    """Write an image whose random layer has `size` bytes."""
    image = Image(folder, secrets.token_bytes(size))
    image.context.mkdir(parents=True)
    shutil.copy(busybox, image.context / "busybox")
    (image.context / "random").write_bytes(image.random)
    (image.context / "Dockerfile").write_text(DOCKERFILE)
    write_layout(image.layout, {"bin/busybox": busybox.read_bytes()}, {"random": image.random})
    return image


def write_layout(
    layout: Path, *layers: dict[str, bytes], command: Sequence[str] = ("echo", GREETING)
) -> None:
    """Write an OCI layout with one image; each layer is given as its files, and it runs this
    `command` of busybox.
    """
    (layout / "blobs" / "sha256").mkdir(parents=True)
    tars = [layer_tar(files) for files in layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/bin/busybox", *command]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(t).hexdigest()}" for t in tars]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": write_blob(
            layout, json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"
        ),
        "layers": [
            write_blob(
                layout,
                gzip.compress(tar, compresslevel=1, mtime=0),
                "application/vnd.oci.image.layer.v1.tar+gzip",
            )
            for tar in tars
        ],
    }
    entry = write_blob(layout, json.dumps(manifest).encode(), str(manifest["mediaType"]))
    entry["annotations"] = {"org.opencontainers.image.ref.name": TAG}
    index = {"schemaVersion": 2, "manifests": [entry]}
    (layout / "index.json").write_text(json.dumps(index))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def write_blob(layout: Path, content: bytes, media_type: str) -> dict[str, Any]:
    """Add a blob to a layout; its descriptor."""
    hexadecimal = sha256(content).hexdigest()
    (layout / "blobs" / "sha256" / hexadecimal).write_bytes(content)
    return {"mediaType": media_type, "digest": f"sha256:{hexadecimal}", "size": len(content)}


def layer_tar(files: dict[str, bytes]) -> bytes:
    """An uncompressed layer."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def layout_blob(layout: Path, digest: str) -> bytes:
    """The bytes of one blob of a layout."""
    return (layout / "blobs" / Path(*digest.split(":"))).read_bytes()


def last_layer(manifest: bytes) -> str:
    """The digest of the layer that holds `/random`."""
    return str(json.loads(manifest)["layers"][-1]["digest"])


def random_in(layer: bytes) -> bytes:
    """The bytes of `/random` in a layer, compressed or not."""
    with tarfile.open(fileobj=io.BytesIO(layer), mode="r:*") as tar:
        content = tar.extractfile("random")
        assert content is not None
        return content.read()


def digest_of(content: bytes) -> str:
    """The canonical digest of some bytes."""
    return f"sha256:{sha256(content).hexdigest()}"
