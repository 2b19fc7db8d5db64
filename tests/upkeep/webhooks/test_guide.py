"""The guide's receiver verifies what is sent, and nothing else."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entrepot.upkeep.webhooks import signature
from entrepot.upkeep.webhooks.event import KINDS, told

GUIDE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text("utf-8")
SECRET = signature.make()
BODY = b'{"id": "7"}'


@pytest.fixture(scope="module")
def is_ours() -> Callable[..., bool]:
    (code,) = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    found: Callable[..., bool] = names["is_ours"]
    return found


def test_what_is_sent(is_ours: Callable[..., bool]) -> None:
    now = time.time()
    assert is_ours(SECRET, signature.headers("7", now, BODY, [SECRET]), BODY)
    both = signature.headers("7", now, BODY, [signature.make(), SECRET])
    assert is_ours(SECRET, both, BODY)


WRONG: dict[str, tuple[dict[str, str], bytes]] = {
    "another secret": (signature.headers("7", time.time(), BODY, [signature.make()]), BODY),
    "another body": (signature.headers("7", time.time(), BODY, [SECRET]), b"{}"),
    "another id": (
        {**signature.headers("7", time.time(), BODY, [SECRET]), "webhook-id": "8"},
        BODY,
    ),
    "long ago": (signature.headers("7", time.time() - 3600, BODY, [SECRET]), BODY),
}


@pytest.mark.parametrize(("headers", "body"), WRONG.values(), ids=WRONG)
def test_what_is_not(is_ours: Callable[..., bool], headers: dict[str, str], body: bytes) -> None:
    assert not is_ours(SECRET, headers, body)


@pytest.mark.parametrize("kind", KINDS)
def test_all_events_are_there(kind: str) -> None:
    rows = [line for line in GUIDE.splitlines() if line.startswith("| `")]
    assert any(f"`{told(kind)}`" in row for row in rows)
