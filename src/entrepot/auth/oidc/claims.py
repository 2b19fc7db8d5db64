"""Claims by path: `kubernetes.io/serviceaccount/name`. Names of claims may have dots and slashes.

Next: `trust` compares them, `details` shows them.
"""

import unicodedata
from collections.abc import Mapping
from typing import Any

LONGEST = 256
"""Characters of a value that is shown."""


def find(claims: Mapping[str, Any], path: str) -> Any:
    """The claim at `path`, else None. A claim whose name is the whole path goes first."""
    if path in claims:
        return claims[path]
    name, slash, rest = path.partition("/")
    while slash:
        inner = claims.get(name)
        if isinstance(inner, Mapping) and (found := find(inner, rest)) is not None:
            return found
        more, slash, rest = rest.partition("/")
        name = f"{name}/{more}"
    return None


def texts(value: Any) -> list[str]:
    """The value as texts: one, or those of a list. What has parts of its own has none."""
    if isinstance(value, list):
        return [text for item in value if not isinstance(item, list) for text in texts(item)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(value)] if isinstance(value, (str, int, float)) else []


def shown(text: str) -> str:
    """Fit for a terminal and a log: bounded, without characters that control either."""
    kept = (
        c for c in text[:LONGEST] if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029"
    )
    return "".join(kept)
