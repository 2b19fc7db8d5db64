"""Names of repositories and tags, beside an oracle that walks them letter by letter."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oci.attempt import attempt

from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import MAX_NAME, Repository, Tag, parse_reference

ALNUM = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
SEPARATOR = re.compile(r"\.|__?|-+")


def is_part(text: str) -> bool:
    """Runs of letters and digits, a separator between each two."""
    runs, separators, run, rest = 0, 0, "", ""
    for letter in [*text, None]:
        if letter is not None and letter not in ALNUM:
            rest += letter
            if run:
                runs, run = runs + 1, ""
            continue
        if rest:
            if SEPARATOR.fullmatch(rest) is None:
                return False
            separators, rest = separators + 1, ""
        run += letter or ""
    return runs + bool(run) == separators + 1


def is_name(text: str) -> bool:
    return len(text) <= MAX_NAME and all(is_part(part) for part in text.split("/"))


letters = st.text("ab0.-_/A\n\0é%:", max_size=12)
names = st.from_regex(r"[a-z0-9]+(?:[._-]{1,2}[a-z0-9]+)*(?:/[a-z0-9._-]+)*", fullmatch=True)


@given(st.one_of(letters, names, st.text(max_size=300)))
def test_repository_agrees_with_the_oracle(text: str) -> None:
    repository, code = attempt(Repository.parse, text)
    if is_name(text):
        assert repository is not None
        assert str(repository) == text
        assert Repository.parse(str(repository)) == repository
    else:
        assert code is Code.NAME_INVALID


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("a", True),
        ("0", True),
        ("a/b/c/d/e/f", True),
        ("a.b_c__d-e--f---g", True),
        ("manifests/blobs/uploads", True),
        ("x" * MAX_NAME, True),
        ("x" * (MAX_NAME + 1), False),
        ("", False),
        ("/", False),
        ("a/", False),
        ("/a", False),
        ("a//b", False),
        ("a..b", False),
        ("a___b", False),
        ("a._b", False),
        ("-a", False),
        ("a-", False),
        (".", False),
        ("..", False),
        ("a/../b", False),
        ("A", False),
        ("a\n", False),
        ("a b", False),
        ("ß", False),
        ("a:b", False),
        ("a@b", False),
        ("a\x00", False),
    ],
)
def test_repository(text: str, *, valid: bool) -> None:
    assert is_name(text) is valid
    if valid:
        assert Repository.parse(text).name == text
    else:
        with pytest.raises(OCIError):
            Repository.parse(text)


@given(st.one_of(st.text("aZ0._-:/\n é", max_size=10), st.text(max_size=140)))
def test_reference_is_a_tag_a_digest_or_an_error(text: str) -> None:
    is_tag = re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", text) is not None
    reference, code = attempt(parse_reference, text)
    if is_tag:
        assert reference == Tag(text)
        assert str(reference) == text
    else:
        assert code is (Code.DIGEST_INVALID if ":" in text else Code.TAG_INVALID)


def test_a_digest_is_a_reference() -> None:
    digest = Digest.of(b"content")
    assert parse_reference(str(digest)) == digest


@pytest.mark.parametrize("length", [1, 127, 128])
def test_tag_of_length(length: int) -> None:
    assert Tag.parse("_" * length).name == "_" * length


@pytest.mark.parametrize("text", ["", "x" * 129, ".a", "-a", "a/b", "a\n", "é", "a b", "a+b"])
def test_no_tag(text: str) -> None:
    with pytest.raises(OCIError):
        Tag.parse(text)


@pytest.mark.parametrize("letter", ["a", "-", "_", ".", "/", "a-", "a/", "a__", "a."])
def test_no_name_takes_long_to_read(letter: str) -> None:
    started = time.thread_time()
    for length in (MAX_NAME, 1_000_000):
        with pytest.raises(OCIError):
            Repository.parse((letter * length)[:length] + "!")
    assert time.thread_time() - started < 5  # a hundredth of it would do; tried anew, an age
