from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version as Semantic

from entrepot.versions.reading import Scheme, Version, guess, is_floating, read, shares

ORDERS = {
    "SemVer 2.0, section 11.2": "1.0.0 2.0.0 2.1.0 2.1.1",
    "SemVer 2.0, section 11.3": "1.0.0-alpha 1.0.0",
    "SemVer 2.0, section 11.4": "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta "
    "1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0",
    "builds": "1.0.0 1.0.0_build.2 1.0.0_build.10 1.0.1-rc.1 1.0.1",
    "variants": "1.9.0-alpine 1.10.0-rc.1-alpine 1.10.0 1.10.0-alpine",
    "packaging": "1.0.0-debian-12-r9 1.0.0-debian-12-r10",
    "prefixes": "v1.2.3 1.2.4 v1.2.5",
}


@pytest.mark.parametrize("tags", ORDERS.values(), ids=ORDERS)
def test_semantic_versions_have_the_order_of_their_specification(tags: str) -> None:
    versions = [semantic(tag) for tag in tags.split()]
    assert all(left < right for left, right in pairwise(versions))


READ = {
    "1.2.3": ("semver", "1.2.3", "", False),
    "v1.2.3": ("semver", "1.2.3", "", False),
    "1.2.3-rc.1": ("semver", "1.2.3-rc.1", "", True),
    "1.2.3_build.5": ("semver", "1.2.3+build.5", "", False),
    "1.2.3-rc.1_5": ("semver", "1.2.3-rc.1+5", "", True),
    "1.2.3-alpine": ("semver", "1.2.3", "alpine", False),
    "1.2.3-alpine3.20": ("semver", "1.2.3", "alpine3.20", False),
    "1.2.3-ubuntu22.04": ("semver", "1.2.3", "ubuntu22.04", False),
    "1.2.3-windowsservercore-ltsc2022": ("semver", "1.2.3", "windowsservercore-ltsc2022", False),
    "1.2.3-rc.1-alpine-slim": ("semver", "1.2.3-rc.1", "alpine-slim", True),
    "1.2.3-debian-12-r5": ("semver", "1.2.3+r5", "debian-12", False),
    "1.2.3-alpha": ("semver", "1.2.3-alpha", "", True),
    "1.0.0-0A.is.legal": ("semver", "1.0.0-0A.is.legal", "", True),
    "1.0.0--": ("semver", "1.0.0--", "", True),
    "2026-11-26": ("date", "2026-11-26", "", False),
    "2026.1.6": ("date", "2026-01-06", "", False),
    "20261126": ("date", "2026-11-26", "", False),
    "2026.11.26.1": ("date", "2026-11-26.1", "", False),
    "2026-11-26-12": ("date", "2026-11-26.12", "", False),
    "20261126T1530": ("date", "2026-11-26.1530", "", False),
    "2026-11-26T15-30-05Z": ("date", "2026-11-26.153005", "", False),
    "20261126-slim": ("date", "2026-11-26", "slim", False),
    "123": ("number", "123", "", False),
    "build-123": ("number", "123", "", False),
    "r123": ("number", "123", "", False),
    "build.123-alpine": ("number", "123", "alpine", False),
    "whatever": ("text", "whatever", "", False),
}


@pytest.mark.parametrize(("tag", "expected"), READ.items(), ids=READ)
def test_a_tag_is_read(tag: str, expected: tuple[str, str, str, bool]) -> None:
    scheme, *rest = expected
    found = read(tag, Scheme(scheme))
    assert found
    assert [found.text, found.variant, found.is_prerelease] == rest
    assert guess([tag]) is Scheme(scheme)


@pytest.mark.parametrize(
    ("tag", "scheme"),
    [
        (tag, scheme)
        for scheme, tags in {
            "semver": "1 1.2 1.2.3.4 01.2.3 1.2.3-01 1.2.3-a..b 1.2.3_a_b",
            "date": "2026-02-30 20261326 1969.1.1 2026-11 20261126T1",
            "number": "build 1.2 main-1 12a",
        }.items()
        for tag in tags.split()
    ],
)
def test_what_is_no_version_is_not_read(tag: str, scheme: str) -> None:
    assert read(tag, Scheme(scheme)) is None


def test_dates_are_ordered_by_day_then_time_or_count() -> None:
    tags = "2025-12-31 2026.01.02 2026.01.02.9 2026.01.02.10 20260102T0930 20260102T0930.59"
    versions = [found for tag in tags.split() if (found := read(tag, Scheme.DATE))]
    assert len(versions) == 6
    assert all(left < right for left, right in pairwise(versions))


def test_a_repository_has_variants_of_its_own() -> None:
    found = read("1.2.3-vegan-2", Scheme.SEMVER, ["vegan*"])
    assert found
    assert (found.variant, found.is_prerelease) == ("vegan-2", False)
    alpine = read("1.2.3-alpine", Scheme.SEMVER, [])
    assert alpine
    assert alpine.is_prerelease


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("1 1.2 1.2.3 latest", "semver"),
        ("1 2 1.2.3 2.0.0", "semver"),
        ("1.2.3 main pr-1 pr-2", "semver"),
        ("1.2.3 a b c d e f g", "text"),
        ("2026.11.26 2026.11.27", "date"),
        ("2026.11.26 2026.13.1", "semver"),
        ("20261126 20261127 latest", "date"),
        ("20261126 99999999 12345678", "number"),
        ("1 2 3 latest", "number"),
        ("main latest", "text"),
        ("", "text"),
    ],
)
def test_the_scheme_is_guessed(tags: str, expected: str) -> None:
    assert guess(tags.split()) is Scheme(expected)


def test_signatures_are_not_counted() -> None:
    assert shares(["1.0.0", f"sha256-{'a' * 64}.sig", "latest"])[Scheme.SEMVER] == 1.0


@pytest.mark.parametrize(
    ("tag", "floats"),
    [("1", True), ("v1.2", True), ("1.2-alpine", True), ("1.2.3", False), ("latest", False)],
)
def test_a_partial_version_is_a_floating_name(tag: str, floats: bool) -> None:
    assert is_floating(tag) is floats


numbers = st.integers(0, 10**12).map(str)
words = st.from_regex(r"[0-9]{0,3}[A-Za-z-][0-9A-Za-z-]{0,5}", fullmatch=True)
dotted = st.lists(numbers | words, min_size=1, max_size=4).map(".".join)
releases = st.tuples(numbers, numbers, numbers).map(".".join)
versions = st.one_of(releases, st.tuples(releases, dotted).map("-".join))


def semantic(tag: str, variants: tuple[str, ...] = ("alpine*", "debian*")) -> Version:
    found = read(tag, Scheme.SEMVER, variants)
    assert found
    return found


@given(versions, versions)
def test_the_order_is_that_of_another_reader(left: str, right: str) -> None:
    ours = semantic(left, ()).precedence, semantic(right, ()).precedence
    theirs = Semantic.parse(left).compare(right)
    assert (ours[0] > ours[1]) - (ours[0] < ours[1]) == theirs


@given(versions, dotted)
def test_build_metadata_is_written_with_an_underscore_and_has_no_precedence(
    text: str, build: str
) -> None:
    found = semantic(f"v{text}_{build}", ())
    assert found.text == f"{text}+{build}"
    assert found.precedence == semantic(text, ()).precedence
    assert found > semantic(text, ())


@given(versions)
def test_what_is_written_is_read_again(text: str) -> None:
    assert semantic(text, ()).text == text
    assert semantic(f"{text}-alpine3.20").variant == "alpine3.20"


@given(st.lists(versions | versions.map("v{}".format), unique=True))
def test_the_order_is_total(tags: list[str]) -> None:
    found = sorted(semantic(tag, ()) for tag in tags)
    assert all(left < right for left, right in combinations(found, 2))
