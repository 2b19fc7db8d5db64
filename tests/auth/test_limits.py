"""Limits: what one token may hand on to another."""

import pytest

from entrepot.auth import limits
from entrepot.db.secrets import Limits


def read(text: str | None) -> Limits | None:
    if text is None:
        return None
    pairs = (each.partition(":") for each in text.split())
    return tuple((role, where) for role, _, where in pairs)


TABLE: list[tuple[str | None, str | None, bool]] = [
    (None, None, True),
    (None, "admin:*", True),
    ("admin:*", None, False),
    ("", None, False),
    ("reader:*", "", True),
    ("", "reader:team/app", False),
    ("reader:*", "reader:team/app", True),
    ("writer:team/*", "reader:team/*", True),
    ("reader:team/*", "writer:team/*", False),
    ("owner:team/*", "creator:*", False),
    ("admin:*", "owner:* creator:* auditor:*", True),
    ("auditor:*", "reader:team/app", False),
    ("reader:a/* writer:b/*", "writer:b/x reader:a/y", True),
    ("reader:a/* writer:b/*", "writer:a/x", False),
    ("reader:a/* reader:b/*", "reader:*", False),
]


@pytest.mark.parametrize(("outer", "inner", "yes"), TABLE)
def test_contains(outer: str | None, inner: str | None, yes: bool) -> None:
    assert limits.contains(read(outer), read(inner)) is yes
