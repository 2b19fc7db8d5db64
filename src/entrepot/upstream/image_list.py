"""`images_in`: the images that a file names, one a line or as Kubernetes manifests have them."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from entrepot.upstream.place import UpstreamError

_STDIN = Path("-")
_is_yaml = re.compile(r"^\{|^(?:apiVersion|kind):", re.MULTILINE).search
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def images_in(path: Path) -> list[str]:
    """In the order in which they come, each once; `-` is standard input. Raises `UpstreamError`."""
    import yaml

    try:
        text = sys.stdin.read() if path == _STDIN else path.read_text()
        if path.suffix in (".yaml", ".yml", ".json") or (path == _STDIN and _is_yaml(text)):
            documents = yaml.safe_load_all(text)
            found = [image for each in documents for image in _within(each)]
        else:
            lines = [line.partition("#")[0].strip() for line in text.splitlines()]
            found = [line for line in lines if line]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise UpstreamError(f"cannot read images from {path}: {error}") from None
    if not found:
        raise UpstreamError(f"{path} names no image")
    return list(dict.fromkeys(found))


def _within(value: Any) -> Iterator[str]:
    """Whatever the kind, a pod's containers are called the same."""
    if isinstance(value, list):
        for each in value:
            yield from _within(each)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key in _CONTAINERS and isinstance(inner, list):
            yield from (str(c["image"]) for c in inner if isinstance(c, dict) and c.get("image"))
        else:
            yield from _within(inner)
