"""`images_in`: the images that a file names, one a line or as Kubernetes manifests have them."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from entrepot.upstream.place import UpstreamError

_STDIN = Path("-")
_is_yaml = re.compile(r"^\{|^(?:apiVersion|kind):\s", re.MULTILINE).search
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def images_in(path: Path) -> list[str]:
    """In the order in which they come, each once; `-` is standard input. Raises `UpstreamError`."""
    import yaml

    try:
        text = sys.stdin.read() if path == _STDIN else path.read_text("utf-8-sig")
        if path.suffix in (".yaml", ".yml", ".json") or _is_yaml(text):
            documents = yaml.compose_all(text, yaml.SafeLoader)
            found = [image for each in documents for image in _within(_plain(each))]
        else:
            lines = [line.partition("#")[0].strip() for line in text.splitlines()]
            found = [line for line in lines if line]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise UpstreamError(f"cannot read images from {path}: {error}") from None
    if not found:
        raise UpstreamError(f"{path} names no image")
    return list(dict.fromkeys(found))


def _plain(node: Any) -> Any:
    """What YAML says, all but null as text: no image is called as a date, and definitions of
    resources have what YAML 1.1 takes for something that it cannot read (`- =`).
    """
    if node is None or node.tag.endswith(":null"):
        return None
    if node.id == "sequence":
        return [_plain(each) for each in node.value]
    if node.id == "scalar":
        return node.value
    found: dict[str, Any] = {}
    for key, inner in node.value:
        value = _plain(inner)
        merged = key.tag.endswith(":merge") and isinstance(value, dict)
        found |= value if merged else {str(_plain(key)): value}
    return found


def _within(value: Any) -> Iterator[str]:
    """Whatever the kind, a pod's containers are called the same, and its volumes."""
    if isinstance(value, list):
        for each in value:
            yield from _within(each)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key in _CONTAINERS and isinstance(inner, list):
            yield from (str(c["image"]) for c in inner if isinstance(c, dict) and c.get("image"))
        elif key == "image" and isinstance(inner, dict) and "reference" in inner:
            yield str(inner["reference"])
        else:
            yield from _within(inner)
