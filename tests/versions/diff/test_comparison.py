"""What differs between two images, as a table."""

import pytest

from entrepot.versions.diff.comparison import Change, changes, layers
from entrepot.versions.diff.image import Image, Layer


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ({}, {}, []),
        ({"a": "1"}, {"a": "1"}, []),
        ({}, {"b": "2", "a": ""}, [Change("a", None, ""), Change("b", None, "2")]),
        ({"a": "1"}, {}, [Change("a", "1", None)]),
        ({"a": "1", "b": "2"}, {"a": "3", "b": "2"}, [Change("a", "1", "3")]),
    ],
)
def test_changes(old: dict[str, str], new: dict[str, str], wanted: list[Change]) -> None:
    assert changes(old, new) == wanted


def of(*digests: str) -> Image:
    return Image(0, tuple(Layer(each, 1, each) for each in digests), {}, {}, {}, {})


def told(found: tuple[Layer, ...]) -> str:
    return "".join(each.digest for each in found)


@pytest.mark.parametrize(
    ("old", "new", "shared", "added", "removed"),
    [
        ("ab", "ab", "ab", "", ""),
        ("ab", "acd", "a", "cd", "b"),
        ("", "a", "", "a", ""),
        ("aab", "a", "a", "", "b"),
    ],
)
def test_layers(old: str, new: str, shared: str, added: str, removed: str) -> None:
    found = layers(of(*old), of(*new))
    assert (told(found.shared), told(found.added), told(found.removed)) == (shared, added, removed)
