"""Digests: what is one, by a table and by a grammar of their own."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oci.attempt import attempt

from entrepot.oci.digest import HEX_LENGTH, Digest, check_algorithm, hasher
from entrepot.oci.errors import Code, OCIError

GRAMMAR = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}")
"""Source: OCI Image Specification, "Registered Algorithms"."""

nearly = st.builds(
    "{}{}{}".format,
    st.sampled_from(["sha256", "sha512", "sha384", "md5", "SHA256", "", "sha256+b64"]),
    st.sampled_from([":", "", "::", " :", "-"]),
    st.text("0123456789abcdefABCDEFg\n\0é\u0660", max_size=3).flatmap(
        lambda odd: st.sampled_from([0, 31, 63, 64, 65, 127, 128]).map(lambda n: "a" * n + odd)
    ),
)


@given(st.one_of(st.text(max_size=200), nearly, st.from_regex(GRAMMAR, fullmatch=True)))
def test_it_agrees_with_the_grammar(text: str) -> None:
    digest, code = attempt(Digest.parse, text)
    if GRAMMAR.fullmatch(text) is None:
        assert code is Code.DIGEST_INVALID
    else:
        assert digest is not None
        assert str(digest) == text
        assert Digest.parse(str(digest)) == digest


@given(st.binary(max_size=1000), st.sampled_from(sorted(HEX_LENGTH)))
def test_digest_of_content(content: bytes, algorithm: str) -> None:
    digest = Digest.of(content, algorithm)
    assert str(digest) == f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
    assert Digest.parse(str(digest)) == digest
    running = hasher(algorithm)
    running.update(content)
    assert running.hexdigest() == digest.hex


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "algorithm:hex"),
        ("latest", "algorithm:hex"),
        (":", "use one of sha256, sha512"),
        ("md5:d41d8cd98f00b204e9800998ecf8427e", "use one of sha256, sha512"),
        (f"SHA256:{'0' * 64}", "use one of sha256, sha512"),
        ("sha256:", "64 digits, not 0"),
        (f"sha256:{'0' * 63}", "64 digits, not 63"),
        (f"sha256:{'0' * 65}", "64 digits, not 65"),
        (f"sha512:{'0' * 64}", "128 digits, not 64"),
        (f"sha256:{'0' * 63}A", "'A' is not a lower-case"),
        (f"sha256:{'0' * 63}\n", r"'\n' is not a lower-case"),
        (f"sha256:../../{'0' * 58}", "'.' is not a lower-case"),
        (f"sha256:sha256:{'0' * 57}", "'s' is not a lower-case"),
    ],
)
def test_the_error_says_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(OCIError, match=re.escape(why)):
        Digest.parse(text)


def test_the_error_is_short_however_long_the_text() -> None:
    with pytest.raises(OCIError) as caught:
        Digest.parse("sha256:" + "x" * 1_000_000)
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("name", ["", "md5", "sha1", "SHA256", "shake_128", "sha256 "])
def test_algorithms_that_are_not_taken(name: str) -> None:
    with pytest.raises(OCIError):
        check_algorithm(name)
    with pytest.raises(OCIError):
        hasher(name)
