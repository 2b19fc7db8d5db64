"""An image as one looks at it: layers, configuration, environment, labels; for which platform.

Source: OCI Image Specification, "Image Configuration" and "Image Index".
"""

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from entrepot.oci import media
from entrepot.oci.manifest import Manifest
from entrepot.versions.diff.document import UnreadableError, objects, text

CONFIGS = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
"""Types of a configuration as containers have it; an artifact's own is its own affair."""

PREFERRED = "linux/amd64"

_OUTER = ("os", "architecture", "variant", "os.version", "author", "created")
_INNER = (
    "Entrypoint",
    "Cmd",
    "User",
    "WorkingDir",
    "ExposedPorts",
    "Volumes",
    "StopSignal",
    "Healthcheck",
    "Shell",
    "OnBuild",
)
_SETS = {"ExposedPorts", "Volumes"}
_MAX_MADE_BY = 300

_ATTESTED = "vnd.docker.reference.digest"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer; size in bytes, as it is sent."""

    digest: str
    size: int
    made_by: str = field(default="", compare=False)
    """The build's instruction, where the configuration tells."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image, for one platform."""

    size: int
    """Bytes of its manifest, configuration and layers."""
    layers: tuple[Layer, ...]
    configuration: Mapping[str, str]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Index:
    """The images of an index by platform, such as linux/arm/v7, and what is attested of each."""

    platforms: Mapping[str, str]
    """Digests."""
    attested: Mapping[str, str]
    """By the digest of an image, that of a manifest with attestations (BuildKit's way)."""


def read_index(manifest: Manifest) -> Index:
    """The images that an index lists."""
    platforms, attested = dict[str, str](), dict[str, str]()
    for child in objects(json.loads(manifest.content)["manifests"]):
        annotations = child.get("annotations") or {}
        if of := text(annotations.get(_ATTESTED)):
            attested[of] = child["digest"]
        elif child["mediaType"] in media.IMAGES:
            platforms.setdefault(_platform(child.get("platform") or {}), child["digest"])
    return Index(platforms, attested)


def _platform(found: Mapping[str, Any]) -> str:
    parts = (text(found.get(key)) for key in ("os", "architecture", "variant"))
    return "/".join(part for part in parts if part) or "unknown"


def choose(ours: Set[str], theirs: Set[str], wanted: str) -> str:
    """For which platform two images are compared. Raises `UnreadableError` where that is not
    known: it is the one that is `wanted`, linux/amd64, or the only one that both have.
    """
    both = ours & theirs
    told = ", ".join(sorted(both)) or "none"
    if wanted:
        if wanted not in both:
            raise UnreadableError(f"not both are for {wanted}; for these they are: {told}")
        return wanted
    if PREFERRED in both:
        return PREFERRED
    if len(both) != 1:
        raise UnreadableError(f"say for which platform; both are for: {told}")
    return next(iter(both))


def read_image(manifest: Manifest, config: Mapping[str, Any] | None) -> Image:
    """An image from its manifest, and its configuration where that is known how to read.

    Raises `UnreadableError` for a configuration that is none.
    """
    layers = json.loads(manifest.content)["layers"]
    inner = _inner(config or {})
    made_by = _made_by(config or {}, len(layers))
    return Image(
        size=len(manifest.content) + manifest.blobs[0].size + sum(each["size"] for each in layers),
        layers=tuple(
            Layer(each["digest"], each["size"], by)
            for each, by in zip(layers, made_by, strict=True)
        ),
        configuration=_configuration(config or {}, inner),
        environment=_environment(inner.get("Env")),
        labels=_labels(inner.get("Labels")),
        annotations=manifest.annotations,
    )


def _inner(config: Mapping[str, Any]) -> dict[str, Any]:
    found = config.get("config") or {}
    if not isinstance(found, dict):
        raise UnreadableError("the image's configuration is damaged: config is no object")
    return found


def _made_by(config: Mapping[str, Any], count: int) -> list[str]:
    """By layer, the instruction that made it; the history has an entry for each, and others."""
    history = objects(config.get("history"))
    found = [text(each.get("created_by")) for each in history if not each.get("empty_layer")]
    return [each[:_MAX_MADE_BY] for each in found] if len(found) == count else [""] * count


def _configuration(config: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, str]:
    outer = {name: config[name] for name in _OUTER if config.get(name)}
    found = {name: inner[name] for name in _INNER if inner.get(name)}
    return {name: _shown(name, value) for name, value in (outer | found).items()}


def _shown(name: str, value: Any) -> str:
    if name in _SETS and isinstance(value, dict):
        return ", ".join(sorted(value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _environment(value: Any) -> dict[str, str]:
    found = value or []
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise UnreadableError("the image's configuration is damaged: Env is no list of texts")
    return {name: rest for name, _, rest in (each.partition("=") for each in found)}


def _labels(value: Any) -> dict[str, str]:
    found = value or {}
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise UnreadableError("the image's configuration is damaged: Labels maps to no texts")
    return found
