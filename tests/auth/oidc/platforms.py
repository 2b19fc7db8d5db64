"""Claims as platforms make them, abridged; `iss`, `aud` and times are the issuer's to add."""

from typing import Any

KUBERNETES: dict[str, Any] = {
    "sub": "system:serviceaccount:team-a:builder",
    "jti": "3c9b1f2e-6a55-4a0e-9d53-0d6f3b1b7a10",
    "kubernetes.io": {
        "namespace": "team-a",
        "node": {"name": "worker-1", "uid": "6b1e"},
        "pod": {"name": "build-7c9", "uid": "1f0c"},
        "serviceaccount": {"name": "builder", "uid": "9a44"},
    },
}
GITHUB: dict[str, Any] = {
    "sub": "repo:octo/app:ref:refs/heads/main",
    "repository": "octo/app",
    "repository_id": "7402",
    "repository_owner": "octo",
    "repository_owner_id": "6501",
    "actor": "mona",
    "workflow": "build",
    "run_id": "98765",
    "event_name": "push",
    "ref": "refs/heads/main",
    "ref_type": "branch",
}
GITLAB: dict[str, Any] = {
    "sub": "project_path:group/app:ref_type:branch:ref:main",
    "project_path": "group/app",
    "project_id": "22",
    "namespace_id": "72",
    "user_login": "tanuki",
    "pipeline_id": "574",
    "job_id": "302",
    "ref": "main",
    "ref_type": "branch",
    "ref_protected": "true",
}

DETAILS = {
    "kubernetes": (
        KUBERNETES,
        {
            "namespace": "team-a",
            "serviceaccount": "builder",
            "pod": "build-7c9",
            "node": "worker-1",
        },
    ),
    "github": (
        GITHUB,
        {"repository": "octo/app", "workflow": "build", "actor": "mona", "run": "98765"},
    ),
    "gitlab": (
        GITLAB,
        {"project_path": "group/app", "pipeline": "574", "job": "302", "user": "tanuki"},
    ),
}
"""By platform its claims, and what the audit says of them."""
