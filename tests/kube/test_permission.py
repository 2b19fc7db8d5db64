"""What `--allow` takes, and whom it means."""

import pytest

from entrepot.kube.permission import Permission


@pytest.mark.parametrize(
    ("written", "subject", "role", "pattern"),
    [
        ("team-a=reader:team/*", "system:serviceaccount:team-a:*", "reader", "team/*"),
        ("team-a/builder=writer:*", "system:serviceaccount:team-a:builder", "writer", "*"),
        ("*=reader:base/os", "system:serviceaccount:*:*", "reader", "base/os"),
        ("team-?/ci-*=owner:t/a", "system:serviceaccount:team-?:ci-*", "owner", "t/a"),
        ("x/a.b=reader:x/*", "system:serviceaccount:x:a.b", "reader", "x/*"),
    ],
)
def test_what_is_written(written: str, subject: str, role: str, pattern: str) -> None:
    found = Permission.parse(written)
    assert (found.subject, found.role, found.pattern) == (subject, role, pattern)


@pytest.mark.parametrize(
    "written",
    ["", "team", "=reader:x", "team=", "team=reader", "Team=reader:x", "a/b/c=reader:x", "a=r:x y"],
)
def test_what_is_not(written: str) -> None:
    with pytest.raises(ValueError, match=r"write NAMESPACE\[/SERVICEACCOUNT\]=ROLE:PATTERN"):
        Permission.parse(written)
