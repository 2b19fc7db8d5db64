"""What the audit shows of tokens of each platform."""

from typing import Any

import pytest

from entrepot.auth.oidc.details import details

KUBERNETES: dict[str, Any] = {
    "aud": ["registry.example.com"],
    "iss": "https://kubernetes.default.svc.cluster.local",
    "jti": "37ba6c2b",
    "kubernetes.io": {
        "namespace": "team",
        "node": {"name": "worker-1", "uid": "n"},
        "pod": {"name": "web-7c9", "uid": "p"},
        "serviceaccount": {"name": "puller", "uid": "s"},
        "warnafter": 1700003607,
    },
    "sub": "system:serviceaccount:team:puller",
}
GITHUB: dict[str, Any] = {
    "iss": "https://token.actions.githubusercontent.com",
    "sub": "repo:octo/app:ref:refs/heads/main",
    "repository": "octo/app",
    "repository_id": "74",
    "ref": "refs/heads/main",
    "workflow": "release",
    "actor": "octocat",
    "run_id": "1234567",
    "event_name": "push",
}
GITLAB: dict[str, Any] = {
    "iss": "https://gitlab.com",
    "sub": "project_path:group/app:ref_type:branch:ref:main",
    "project_path": "group/app",
    "ref": "main",
    "pipeline_id": "574",
    "job_id": 302,
    "user_login": "alice",
    "user_email": "alice@example.com",
}


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (
            KUBERNETES,
            {
                "namespace": "team",
                "serviceaccount": "puller",
                "pod": "web-7c9",
                "node": "worker-1",
            },
        ),
        (
            GITHUB,
            {
                "repository": "octo/app",
                "ref": "refs/heads/main",
                "workflow": "release",
                "actor": "octocat",
                "run": "1234567",
            },
        ),
        (
            GITLAB,
            {
                "project_path": "group/app",
                "ref": "main",
                "pipeline": "574",
                "job": "302",
                "user": "alice",
            },
        ),
        ({"iss": "https://other", "sub": "s", "email": "x"}, {}),
        ({"iss": "i", "sub": "s", "kubernetes.io": "text", "ref": {"a": 1}, "actor": []}, {}),
        ({"iss": "i", "sub": "s", "ref": "a\r\nb" + "c" * 300}, {"ref": "ab" + "c" * 252}),
    ],
    ids=["kubernetes", "github", "gitlab", "another", "wrong kinds", "unfit to show"],
)
def test_details(claims: dict[str, Any], expected: dict[str, str]) -> None:
    always = {"subject": claims["sub"], "issuer": claims["iss"]}
    assert details(claims) == {**always, **expected}
