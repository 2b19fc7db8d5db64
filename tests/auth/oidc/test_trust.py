"""Trust rules: which tokens they mean, and what is said of those that they do not."""

from typing import Any

import pytest

from entrepot.auth.oidc.trust import Trust, explain, is_like, matches

KUBERNETES = {
    "iss": "https://kubernetes.default.svc",
    "aud": ["registry.example.com", "other"],
    "sub": "system:serviceaccount:team-a:builder",
    "kubernetes.io": {
        "namespace": "team-a",
        "serviceaccount": {"name": "builder", "uid": "u"},
        "pod": {"name": "b-1", "uid": "v"},
    },
}
GITHUB = {
    "iss": "https://token.actions.githubusercontent.com",
    "aud": "registry.example.com",
    "sub": "repo:octo/app:ref:refs/heads/main",
    "repository": "octo/app",
    "ref": "refs/heads/main",
    "ref_protected": "true",
    "run_attempt": 1,
    "private": True,
    "teams": ["core", "web"],
}


def rule(claims: dict[str, Any], **conditions: str) -> Trust:
    return Trust("ci", claims["iss"], "registry.example.com", conditions)


@pytest.mark.parametrize(
    ("claims", "conditions"),
    [
        (KUBERNETES, {"sub": "system:serviceaccount:team-*:*"}),
        (KUBERNETES, {"kubernetes.io/namespace": "team-?", "kubernetes.io/pod/name": "b-*"}),
        (KUBERNETES, {"kubernetes.io/serviceaccount/name": "builder"}),
        (GITHUB, {"repository": "octo/*", "ref": "refs/heads/main"}),
        (GITHUB, {"private": "true", "run_attempt": "1"}),
        (GITHUB, {"teams": "web"}),
        (GITHUB, {"teams": "w*"}),
    ],
    ids=str,
)
def test_met(claims: dict[str, Any], conditions: dict[str, str]) -> None:
    trust = rule(claims, **conditions)
    assert matches(trust, claims)
    assert not explain(trust, claims)


@pytest.mark.parametrize(
    ("claims", "conditions", "why"),
    [
        (GITHUB, {}, "the rule has no condition on claims, so it matches nothing"),
        (GITHUB, {"repository": "octo/web"}, "repository is 'octo/app', not 'octo/web'"),
        (GITHUB, {"repository": "octo"}, "repository is 'octo/app', not 'octo'"),
        (GITHUB, {"repository": "OCTO/*"}, "repository is 'octo/app', not 'OCTO/*'"),
        (GITHUB, {"environment": "*"}, "environment is missing, not '*'"),
        (GITHUB, {"private": "True"}, "private is 'true', not 'True'"),
        (GITHUB, {"teams": "core,web"}, "teams is 'core', 'web', not 'core,web'"),
        (GITHUB, {"repository": ""}, "repository is 'octo/app', not ''"),
        (KUBERNETES, {"kubernetes.io": "*"}, "kubernetes.io is missing, not '*'"),
        (
            KUBERNETES,
            {"sub": "*:team-b:*", "kubernetes.io/namespace": "team-b"},
            (
                "sub is 'system:serviceaccount:team-a:builder', not '*:team-b:*'; "
                "kubernetes.io/namespace is 'team-a', not 'team-b'"
            ),
        ),
    ],
)
def test_not_met(claims: dict[str, Any], conditions: dict[str, str], why: str) -> None:
    trust = rule(claims, **conditions)
    assert not matches(trust, claims)
    assert explain(trust, claims) == why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"iss": "https://other"}, "iss is 'https://other', not 'https://token.actions"),
        ({"iss": "https://token?actions.githubusercontent.com"}, "iss is "),
        ({"aud": "other"}, "aud is 'other', not 'registry.example.com'"),
        ({"aud": []}, "aud is missing"),
        ({"aud": ["a", "b"]}, "aud is 'a', 'b'"),
        ({"ref": ""}, "ref is '', not '*'"),
        ({"ref": "a" * 1025}, "ref is 'aaa"),
        ({"ref": "a\n\x1b[31m"}, "ref is 'a[31m'"),
    ],
)
def test_another_token(changes: dict[str, Any], why: str) -> None:
    trust = rule(GITHUB, ref="*" if "\n" not in changes.get("ref", "") else "b")
    assert not matches(trust, {**GITHUB, **changes})
    assert explain(trust, {**GITHUB, **changes}).startswith(why)


@pytest.mark.parametrize("name", ["issuer", "audience"])
def test_issuer_and_audience_are_no_patterns(name: str) -> None:
    fields = {"issuer": GITHUB["iss"], "audience": GITHUB["aud"], name: "*"}
    assert not matches(Trust("ci", claims={"ref": "*"}, **fields), GITHUB)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pattern", "text", "like"),
    [
        ("*", "a", True),
        ("*", "a\nb", True),
        ("*", "", False),
        ("", "", False),
        ("**", "", False),
        ("a*", "a", True),
        ("*a", "a", True),
        ("a?", "a", False),
        ("a?", "ab", True),
        ("a*c*e", "abcde", True),
        ("a*c*e", "abcdef", False),
        ("[a]", "a", False),
        ("[a]", "[a]", True),
        ("[!a]", "b", False),
        ("[!a]", "[!a]", True),
        ("a.c", "abc", False),
        ("(a|b)", "a", False),
        ("^a$", "a", False),
        ("a\\*", "a\\b", True),
        ("a", "a\n", False),
        ("a", "A", False),
        ("{a,b}", "a", False),
        ("*a*b*c*d*e*f*g*h*i", "a" * 1024, False),
    ],
)
def test_is_like(pattern: str, text: str, *, like: bool) -> None:
    assert is_like(text, pattern) is like
