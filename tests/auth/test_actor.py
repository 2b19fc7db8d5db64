"""Names and subjects, as they may be written."""

import pytest

from entrepot.auth.actor import ANONYMOUS, Actor, parse_name, parse_subject

NAMES = ["a", "0", "alice", "alice@example.com", "ci-1.x_y", "a" * 128]
NO_NAMES = ["", "-a", ".a", "@a", "A", "é", "a b", "a/b", "a:b", "a\n", "\x00", "a" * 129, "*"]


@pytest.mark.parametrize("text", NAMES)
def test_names(text: str) -> None:
    assert parse_name(text) == text


@pytest.mark.parametrize("text", NO_NAMES)
def test_no_names(text: str) -> None:
    with pytest.raises(ValueError, match="is no name: use 1 to 128"):
        parse_name(text)


@pytest.mark.parametrize("text", ["user:alice", "group:dev", "robot:ci", "workload:prod"])
def test_subjects(text: str) -> None:
    assert parse_subject(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "alice", "user:", ":alice", "User:alice", "anonymous", "user:A", "a:b:c", "user:a:b"],
)
def test_no_subjects(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no name|is nobody"):
        parse_subject(text)


def test_anonymous_is_nobody_known() -> None:
    assert not ANONYMOUS.known
    assert Actor("user:alice").known
    assert str(ANONYMOUS) == "anonymous"
