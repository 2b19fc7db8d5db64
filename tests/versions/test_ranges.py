import nodesemver
import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version as Semantic

from entrepot.versions.ranges import MOST, Range, UnreadableError
from entrepot.versions.reading import Scheme, Version, read


def version(tag: str, scheme: Scheme = Scheme.SEMVER) -> Version:
    found = read(tag, scheme)
    assert found
    return found


MEANT = {  # range: what it means | what it does not
    "~1.2": "1.2.0 1.2.9 | 1.1.9 1.3.0 1.3.0-rc.1 1.2.1-rc.1",
    "~1.2.3": "1.2.3 1.2.9 v1.2.4 1.2.4-alpine 1.2.4_build.7 | 1.2.2 1.3.0",
    "~>1.2.3": "1.2.3 1.2.9 | 1.2.2 1.3.0",
    "~1": "1.0.0 1.9.9 | 0.9.9 2.0.0",
    "^1": "1.0.0 1.9.9 | 0.9.9 2.0.0 2.0.0-rc.1",
    "^1.4": "1.4.0 1.10.0 | 1.3.9 2.0.0",
    "^0.3.1": "0.3.1 0.3.9 | 0.3.0 0.4.0 1.0.0",
    "^0.0.3": "0.0.3 | 0.0.4",
    ">=1.1 <2": "1.1.0 1.9.9 | 1.0.9 2.0.0 2.0.0-rc.1",
    ">=1.1, <2": "1.1.0 1.9.9 | 1.0.9 2.0.0",
    ">1.2": "1.3.0 | 1.2.0 1.2.9",
    "<=1.2": "1.2.9 0.1.0 | 1.3.0",
    "1.x": "1.0.0 1.9.9 | 2.0.0",
    "1.2.*": "1.2.0 1.2.9 | 1.3.0",
    "1.2": "1.2.0 1.2.9 | 1.3.0",
    "1 || 3": "1.9.9 3.0.0 | 2.0.0 4.0.0",
    "1.2 - 2.3": "1.2.0 2.3.9 | 1.1.9 2.4.0",
    "1.2.3": "1.2.3 v1.2.3 1.2.3-slim 1.2.3_5 | 1.2.4 1.2.3-rc.1",
    "=v1.2.3": "1.2.3 | 1.2.4",
    "*": "0.0.0 9.9.9 | 1.0.0-rc.1",
    ">=1.2.3-rc.1": "1.2.3-rc.1 1.2.3-rc.10 1.2.3 1.3.0 | 1.2.3-beta 1.3.0-rc.1",
    "^1.2.3-rc.1 <1.9": "1.2.3-rc.2 1.2.4 | 1.2.4-rc.1 1.9.0",
}


@pytest.mark.parametrize(("text", "tags"), MEANT.items(), ids=MEANT)
def test_a_range_means_versions(text: str, tags: str) -> None:
    meant, others = (part.split() for part in tags.split("|"))
    found = Range.parse(text, Scheme.SEMVER)
    assert [tag for tag in meant + others if found.holds(version(tag))] == meant


@pytest.mark.parametrize(
    ("text", "tag", "holds"),
    [
        ("^1", "1.4.0-rc.1", True),
        ("^1", "2.0.0-rc.1", False),
        ("^1", "1.0.0-rc.1", False),
        (">=1.0.0-0 <2", "1.0.0-rc.1", True),
        ("<2.0.0-rc.2", "2.0.0-rc.1", True),
        ("*", "0.1.0-rc.1", True),
    ],
)
def test_prereleases_may_be_meant_too(text: str, tag: str, holds: bool) -> None:
    assert Range.parse(text, Scheme.SEMVER).holds(version(tag), prereleases=True) is holds


@pytest.mark.parametrize(
    ("text", "scheme", "tag", "holds"),
    [
        (">=2026-11-01 <2026-12-01", "date", "20261126", True),
        (">=2026-11-01, <2026-12-01", "date", "2026-12-01", False),
        ("2026.11.26", "date", "2026-11-26", True),
        ("*", "date", "2026-11-26", True),
        (">= 100 < 200 || 7", "number", "build-150", True),
        (">= 100 < 200 || 7", "number", "r7", True),
        (">= 100 < 200 || 7", "number", "200", False),
    ],
)
def test_dates_and_numbers_have_ranges(text: str, scheme: str, tag: str, holds: bool) -> None:
    assert Range.parse(text, Scheme(scheme)).holds(version(tag, Scheme(scheme))) is holds


UNREADABLE = [
    "glorp",
    "^",
    ">=1.2 <",
    "!=1.2",
    "1.2.3.4",
    "1 |",
    "1.2.3-",
    "^1.2.3 glorp",
    "1" * 300,
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_no_range_is_told(text: str) -> None:
    with pytest.raises(UnreadableError, match=r"is no range: write ~1\.2, \^1"):
        Range.parse(text, Scheme.SEMVER)


@pytest.mark.parametrize(
    ("text", "scheme"), [("~2026-11-01", "date"), ("", "date"), (">", "number"), ("a", "text")]
)
def test_other_schemes_have_fewer_ranges(text: str, scheme: str) -> None:
    with pytest.raises(UnreadableError):
        Range.parse(text, Scheme(scheme))


@pytest.mark.parametrize("text", [" " * 10**6 + "1", "1.x" + " " * (MOST - 10) + "- 2", "~" * MOST])
def test_no_range_takes_long(text: str) -> None:
    with pytest.raises(UnreadableError):
        Range.parse(text + " !", Scheme.SEMVER)


small = st.integers(0, 3).map(str)
releases = st.tuples(small, small, small).map(".".join)
before = st.sampled_from(["", "", "-alpha", "-alpha.1", "-rc.2"])
versions = st.tuples(releases, before).map("".join)
partial = st.one_of(
    small, st.tuples(small, small).map(".".join), small.map("{}.x".format), versions
)
comparators = st.tuples(st.sampled_from(["", "=", "<", "<=", ">", ">=", "~", "^"]), partial)
parts = st.lists(comparators.map("".join), min_size=1, max_size=3).map(" ".join)
ranges = st.lists(parts, min_size=1, max_size=3).map(" || ".join)


@given(ranges, versions)
def test_a_range_means_what_it_means_to_npm(text: str, tag: str) -> None:
    found = Range.parse(text, Scheme.SEMVER).holds(version(tag))
    assert found == nodesemver.satisfies(tag, text, loose=False)


@given(st.sampled_from(["==", "<", "<=", ">", ">="]), versions, versions)
def test_a_comparator_means_what_it_means_to_another_reader(
    sign: str, bound: str, tag: str
) -> None:
    found = Range.parse(sign.replace("==", "=") + bound, Scheme.SEMVER)
    read_so = found.alternatives[0][0]
    below = sign == "<" and tag.startswith(f"{bound}-")  # ours: no pre-release of what is excluded
    assert read_so.holds(version(tag)) == (Semantic.parse(tag).match(sign + bound) and not below)


def test_text_has_no_ranges_and_says_why() -> None:
    with pytest.raises(UnreadableError, match="mere text"):
        Range.parse("^1", Scheme.TEXT)
