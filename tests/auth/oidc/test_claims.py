"""Claims by path, as texts, and as they are shown."""

from typing import Any

import pytest

from entrepot.auth.oidc.claims import LONGEST, find, shown, texts

CLAIMS = {
    "sub": "s",
    "kubernetes.io": {"namespace": "team", "pod": {"name": "p", "uid": None}},
    "https://example.com/groups": ["a", "b"],
    "https://example.com/deep": {"x/y": 1},
    "a/b": "whole",
    "a": {"b": "inner", "c": "found"},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sub", "s"),
        ("kubernetes.io/namespace", "team"),
        ("kubernetes.io/pod/name", "p"),
        ("kubernetes.io/pod/uid", None),
        ("kubernetes.io/pod/name/x", None),
        ("kubernetes.io", CLAIMS["kubernetes.io"]),
        ("kubernetes/io/namespace", None),
        ("https://example.com/groups", ["a", "b"]),
        ("https://example.com/deep/x/y", 1),
        ("a/b", "whole"),
        ("a/c", "found"),
        ("", None),
        ("/", None),
        ("sub/", None),
        ("none", None),
    ],
)
def test_find(path: str, value: Any) -> None:
    assert find(CLAIMS, path) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", ["a"]),
        ("", [""]),
        (True, ["true"]),
        (False, ["false"]),
        (0, ["0"]),
        (12, ["12"]),
        (1.5, ["1.5"]),
        (None, []),
        ({"a": 1}, []),
        ([], []),
        (["a", 1, True, None, {"b": 2}, ["c"]], ["a", "1", "true"]),
    ],
)
def test_texts(value: Any, expected: list[str]) -> None:
    assert texts(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("team/app \u00fc \u65e5", "team/app \u00fc \u65e5"),
        ("a\r\nb\x00\x1b[31mc\x7f\x9b", "ab[31mc"),
        ("a\u202eb\u2066c\u200b\ufeffd", "abcd"),
        ("a\u2028b\u2029c", "abc"),
        ("a\ud800b", "ab"),
        ("x" * 1000, "x" * LONGEST),
    ],
    ids=ascii,
)
def test_shown(text: str, expected: str) -> None:
    assert shown(text) == expected
