"""`Content`: bytes that a seed remembers, so that gigabytes can be compared without being kept."""

import hashlib
import json
import random
from dataclasses import dataclass
from functools import cached_property

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Content:
    seed: int
    size: int

    @property
    def data(self) -> bytes:
        return random.Random(self.seed).randbytes(self.size)

    @cached_property
    def digest(self) -> str:
        return digest_of(self.data)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def image(config: Content, *layers: Content) -> bytes:
    """The manifest of an image."""
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [
                _descriptor(layer, "application/vnd.oci.image.layer.v1.tar") for layer in layers
            ],
        }
    ).encode()


def _descriptor(content: Content, kind: str) -> dict[str, str | int]:
    return {"mediaType": kind, "digest": content.digest, "size": content.size}
