"""Client certificates: what a rule's pattern takes of a name, and whom it means then."""

import pytest

from entrepot.auth.certificates import Names, subject, take
from entrepot.db.certificates import Rule

TAKE = [
    ("alice", "alice", ""),
    ("alice", "alice2", None),
    ("alice", "Alice", None),
    ("*", "alice", "alice"),
    ("*", "", None),
    ("*.ci.example.com", "build.ci.example.com", "build"),
    ("*.ci.example.com", ".ci.example.com", None),
    ("*.ci.example.com", "a.b.ci.example.com", "a.b"),
    ("*.ci.example.com", "build.ci.example.com.evil.test", None),
    ("node-*", "node-1", "1"),
    ("node-*", "node-", None),
    ("aa*aa", "aaa", None),
    ("aa*aa", "aaaa", None),
    ("aa*aa", "aaxaa", "x"),
    ("spiffe://a/*", "spiffe://a/ns/x", "ns/x"),
]


@pytest.mark.parametrize(("pattern", "value", "taken"), TAKE)
def test_take(pattern: str, value: str, taken: str | None) -> None:
    assert take(pattern, value) == taken


NAMES: Names = {"cn": ["Alice"], "dns": ["x.test", "build.ci.test"], "email": ["a@b.c"]}

RULES: dict[str, tuple[list[Rule], tuple[str, str] | None]] = {
    "no rule": ([], None),
    "one that fits": ([Rule("r", "cn", "Alice", "user:alice")], ("user:alice", "r")),
    "one that does not": ([Rule("r", "cn", "Bob", "user:bob")], None),
    "another field": ([Rule("r", "email", "Alice", "user:alice")], None),
    "a field that is not there": ([Rule("r", "uri", "*", "user:*")], None),
    "the first that fits": (
        [Rule("a", "dns", "nothing", "user:x"), Rule("b", "dns", "*.ci.test", "robot:*")],
        ("robot:build", "b"),
    ),
    "of two that fit": (
        [Rule("a", "cn", "*", "user:*"), Rule("b", "cn", "Alice", "user:admin")],
        ("user:alice", "a"),
    ),
    "an account that is named": ([Rule("r", "dns", "*.test", "robot:ci")], ("robot:ci", "r")),
}


@pytest.mark.parametrize(("rules", "found"), RULES.values(), ids=RULES)
def test_subject(rules: list[Rule], found: tuple[str, str] | None) -> None:
    assert subject(rules, NAMES) == found
