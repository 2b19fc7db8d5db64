"""Regular expressions over tags: they mean what Python's do, and none of them can be slow."""

import re
import string
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.oci.expression import MAX_LENGTH, Expression

MEANT: dict[str, tuple[list[str], list[str]]] = {
    r"v\d+\.\d+": (["v1.0", "v10.20"], ["v1", "1.0", "v1.0.0", "xv1.0"]),
    "release|hotfix": (["release", "hotfix"], ["releasehotfix", "release-1", "rel"]),
    "(release|hotfix)-[0-9]+": (["release-1", "hotfix-22"], ["release-", "release"]),
    r"(?:1\.)?x": (["x", "1.x"], ["1.", "1.1.x"]),
    "a{2}": (["aa"], ["a", "aaa"]),
    "a{2,}": (["aa", "aaaa"], ["a"]),
    "a{,2}": (["", "a", "aa"], ["aaa"]),
    "a{1,2}b": (["ab", "aab"], ["b", "aaab"]),
    "(ab|c){2,3}": (["abc", "cc", "ababab"], ["c", "cccc"]),
    "[^a-c]+": (["xyz", "-"], ["xa", ""]),
    "[a-c_-]+": (["a-b_c"], ["d"]),
    r"[\d.]+": (["1.2", "."], ["1a"]),
    r"\w+": (["a_1"], ["a-1", "a.1"]),
    r"\W": (["-", "."], ["a"]),
    r"\S+": (["a.b"], [""]),
    "^v.*$": (["v", "v1"], ["1v"]),
    "^main|dev$": (["main", "dev"], ["mainx", "xdev"]),
    "a*?b+?": (["b", "aab", "abb"], ["a"]),
    "(a*)*b": (["b", "aaab"], ["a"]),
    "a||b": (["", "a", "b"], ["ab"]),
}


@pytest.mark.parametrize("text", MEANT)
def test_what_is_meant(text: str) -> None:
    found = Expression.parse(text)
    yes, no = MEANT[text]
    assert [tag for tag in yes + no if found.matches(tag)] == yes
    assert [tag for tag in yes + no if re.fullmatch(text, tag)] == yes, "as Python has it"


WRONG = {
    "": "1 to 200",
    "a" * (MAX_LENGTH + 1): "1 to 200",
    "(a": r"no \) for a \(",
    "a)": r"no \( for this \)",
    "*a": r"\* cannot stand here, behind ''",
    "a**": "one repetition is enough",
    "a++": "one repetition is enough",
    "a{2}{3}": "one repetition is enough",
    "a{x}": "a count as",
    "a{2": "a count as",
    "a{}": "a count as",
    "a{3,2}": "the smaller one first",
    "a{999}": "up to 128",
    "[a": "ends too early",
    "[]": "nothing is in",
    "[z-a]": "a range goes up",
    "a\\": "ends too early",
    r"\1": "means nothing here",
    r"\bx": "means nothing here",
    r"(?=a)b": "no lookarounds",
    "(?!a)b": "no lookarounds",
    "(?<=a)b": "no lookarounds",
    "(?P<n>a)(?P=n)": "no lookarounds, names",
    "(?i)a": "flags",
    "(?>a*)a": "no lookarounds",
    "a^b": r"\^ cannot stand here",
    "(" * 21 + ")" * 21: "at most 20 deep",
    "(a{100}){100}": "too large",
    "((((){128}){128}){128}){128}": "too large",
    "((((a{0}){128}){128}){128}){128}": "too large",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:30])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=WRONG[text]):
        Expression.parse(text)


ATTACKS = [
    "(a+)+b",
    "(a*)*b",
    "(a|a)*b",
    "(a|aa)+b",
    "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)b",
    "(a?){128}a{64}b",
    r"(\w+\.?)+b",
    "(a{0,60}){3}b",
    "(([a-z])+.)+[A-Z]([a-z])+b",
    "[ab]*a[ab]{120}b",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_an_attack_is_read_in_a_bounded_number_of_steps(text: str) -> None:
    """Python's own matcher would work at most of these for longer than the universe is old."""
    found = Expression.parse(text)
    for tag in ("a" * 128, "ab" * 64, "a" * 127 + "b", "." * 128):
        found.matches(tag)
    assert not found.matches("a" * 128)


_CHARS = "ab1.-_Z"
_ATOMS = st.sampled_from(
    ["a", "b", "1", r"\.", "-", "_", ".", "[ab]", "[^a1]", "[a-z1.]", r"\d", r"\w", r"\W", r"[\d-]"]
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    counts = st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "{,1}", "*?"])
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.builds("(?:{}){}".format, inner, counts),
        st.builds("{}{}".format, _ATOMS, counts),
    )


@given(
    st.recursive(_ATOMS, _larger, max_leaves=6).filter(lambda text: len(text) <= MAX_LENGTH),
    st.lists(st.text(_CHARS, max_size=6), min_size=1, max_size=8),
)
def test_it_means_what_python_means(text: str, tags: list[str]) -> None:
    found, wanted = Expression.parse(text), re.compile(text)
    for tag in tags:
        assert found.matches(tag) == bool(wanted.fullmatch(tag)), tag


@given(st.text(string.printable, max_size=40))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert Expression.parse(text).matches("v1.2.3") in (True, False)
