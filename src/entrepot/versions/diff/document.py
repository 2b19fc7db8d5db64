"""JSON that somebody pushed as a blob: read within bounds, or it is said why not."""

import json
from typing import Any

MAX_CONFIG = 4 * 1024 * 1024
"""Bytes of an image's configuration; most have some thousands."""

MAX_SBOM = 16 * 1024 * 1024

_MAX_CONTAINERS = 400_000
"""Lists and objects: a short text can hold millions, which take a hundred times its room."""


class UnreadableError(Exception):
    """A document is not what it should be; the message says which, and why."""


def read(content: bytes, what: str) -> dict[str, Any]:
    """The JSON object in some bytes. Raises `UnreadableError`."""
    if content.count(b"[") + content.count(b"{") > _MAX_CONTAINERS:
        raise UnreadableError(f"{what} has more than {_MAX_CONTAINERS} lists and objects")
    try:
        found = json.loads(content.decode(), object_pairs_hook=_object)
    except RecursionError:
        raise UnreadableError(f"{what} is nested too deeply") from None
    except ValueError:
        raise UnreadableError(f"{what} is not JSON") from None
    if not isinstance(found, dict):
        raise UnreadableError(f"{what} is no JSON object")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The last one of a name counts. That it is a function of ours lets other threads run."""
    return dict(pairs)


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; nothing where it is none."""
    found = value if isinstance(value, list) else []
    return [each for each in found if isinstance(each, dict)]


def text(value: Any) -> str:
    """A text; "" where it is none."""
    return value if isinstance(value, str) else ""
