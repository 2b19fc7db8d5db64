"""Patterns: what they mean, alone and of each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.auth import pattern
from entrepot.oci.names import Repository

GOOD = ["*", "team/*", "team/app-*", "team/app", "team", "te*", "team/app/*", "a.b/c_d*", "a--*"]
BAD = [
    *("", "/", "/*", "**", "*team", "team/*/app", "team/**", "Team/*", "team/", "team//*", "../*"),
    *(" team/*", "team/* ", "team/*\n", "team\x00*", "téam/*", "team/app:1", "team@sha256:0"),
    "a" * 256,
]


@pytest.mark.parametrize("text", GOOD)
def test_good(text: str) -> None:
    assert pattern.parse(text) == text


@pytest.mark.parametrize("text", BAD)
def test_bad(text: str) -> None:
    with pytest.raises(ValueError, match="write \\*, team/\\*, team/app-\\* or team/app"):
        pattern.parse(text)


COVERS = [
    ("*", "team/app", True),
    ("team/*", "team/app", True),
    ("team/*", "team/a/b/c", True),
    ("team/*", "team", True),
    ("team/*", "teams", False),
    ("team/*", "teams/app", False),
    ("team/*", "team-b/app", False),
    ("team/*", "other/team/app", False),
    ("team*", "team", True),
    ("team*", "teams/app", True),
    ("team/app-*", "team/app-1", True),
    ("team/app-*", "team/app-1/more", True),
    ("team/app-*", "team/app", False),
    ("team/app-*", "team/ap", False),
    ("team/app", "team/app", True),
    ("team/app", "team/app/more", False),
    ("team/app", "team/ap", False),
    ("team", "team/app", False),
]


@pytest.mark.parametrize(("where", "name", "yes"), COVERS, ids=[f"{w}-{n}" for w, n, _ in COVERS])
def test_covers(where: str, name: str, yes: bool) -> None:
    assert pattern.covers(where, name) is yes


CONTAINS = [
    ("*", "*", True),
    ("*", "team/*", True),
    ("*", "team/app", True),
    ("team/*", "*", False),
    ("team/*", "team/*", True),
    ("team/*", "team/app-*", True),
    ("team/*", "team/app", True),
    ("team/*", "team", True),
    ("team/*", "team*", False),
    ("team/*", "te*", False),
    ("team/*", "other/*", False),
    ("team*", "team/*", True),
    ("team/app-*", "team/*", False),
    ("team/app", "team/app", True),
    ("team/app", "team/app*", False),
    ("team/app", "team/app/*", False),
]


@pytest.mark.parametrize(("outer", "inner", "yes"), CONTAINS)
def test_contains(outer: str, inner: str, yes: bool) -> None:
    assert pattern.contains(outer, inner) is yes


PROJECTS = [("*", None), ("team/*", "team"), ("team/a/*", "team"), ("team", "team"), ("te*", None)]


@pytest.mark.parametrize(("where", "project"), PROJECTS)
def test_project_of(where: str, project: str | None) -> None:
    assert pattern.project_of(where) == project


def test_project_of_a_repository() -> None:
    found = [pattern.project(Repository.parse(text)) for text in ("team", "team/app", "a/b/c")]
    assert found == ["team", "team", "a"]


part = st.text(st.sampled_from("ab0"), min_size=1, max_size=3)
names = st.lists(part, min_size=1, max_size=3).map("/".join)
patterns = st.one_of(
    st.just("*"), names, names.map(lambda name: f"{name}/*"), names.map(lambda name: f"{name}*")
)


@given(outer=patterns, inner=patterns, name=names)
def test_what_is_contained_covers_no_more(outer: str, inner: str, name: str) -> None:
    if pattern.contains(outer, inner) and pattern.covers(inner, name):
        assert pattern.covers(outer, name)


@given(some=st.lists(patterns, max_size=4), name=names)
def test_ranges_are_what_the_patterns_mean(some: list[str], name: str) -> None:
    ranges = pattern.ranges(some)
    inside = any(first <= name <= last for first, last in ranges)
    assert inside == any(pattern.covers(each, name) for each in some)
    flat = [end for each in ranges for end in each]
    assert flat == sorted(flat)
