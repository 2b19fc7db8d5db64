"""There is always someone who can administer the registry, whatever an admin does."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.admin.office import Office, at_once, made, opened, problem

TOLD = "nobody could administer the registry then: make another admin first"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Office]:
    """A registry of the test's own, with one admin."""
    with opened(tmp_path / "data") as office:
        yield office


def grant(office: Office, subject: str, role: str = "admin") -> int:
    wanted = {"subject": subject, "role": role, "pattern": "*"}
    return int(made(office.admin.at.post("/grants", wanted))["id"])


def first(office: Office) -> int:
    """The grant that the first start made."""
    [found] = office.admin.at.get("/grants", subject="user:admin").json()["items"]
    return int(found["id"])


def tries(office: Office) -> list[httpx.Response]:
    """All that takes the power of the user admin away."""
    return [
        office.admin.at.delete(f"/grants/{first(office)}"),
        office.admin.at.patch("/users/admin", {"disabled": True}),
        office.admin.at.delete("/users/admin"),
    ]


def test_the_only_admin_stays(alone: Office) -> None:
    assert [problem(answer, 409) for answer in tries(alone)] == [TOLD] * 3
    assert alone.admin.at.get("/users").status_code == 200


def test_nobody_else_is_one_who_is_no_admin_or_cannot_come(alone: Office) -> None:
    alone.person("auditor:*", "owner:*", "creator:*")
    disabled = alone.person("admin:*")
    assert alone.admin.at.patch(f"/users/{disabled.name}", {"disabled": True}).status_code == 200
    robot = {"name": "ci", "grants": [{"role": "admin", "pattern": "*"}]}
    made(alone.admin.at.post("/robots", robot))
    made(alone.admin.at.post("/groups", {"name": "empty"}))
    grant(alone, "group:empty")
    assert [problem(answer, 409) for answer in tries(alone)] == [TOLD] * 3


def test_another_admin_may_take_over(alone: Office) -> None:
    other = alone.person("admin:*")
    assert other.at.delete(f"/grants/{first(alone)}").status_code == 204
    problem(alone.admin.at.get("/users"), 403)
    assert other.at.delete("/users/admin").status_code == 204
    assert problem(other.at.delete(f"/users/{other.name}"), 409) == TOLD


def test_an_admin_by_a_group_stays_in_it(alone: Office) -> None:
    member = alone.person()
    made(alone.admin.at.post("/groups", {"name": "root"}))
    assert alone.admin.at.put(f"/groups/root/members/{member.name}").status_code == 204
    number = grant(alone, "group:root")
    assert alone.admin.at.delete(f"/grants/{first(alone)}").status_code == 204
    for answer in (
        member.at.delete(f"/groups/root/members/{member.name}"),
        member.at.delete("/groups/root"),
        member.at.delete(f"/grants/{number}"),
        member.at.delete(f"/users/{member.name}"),
        member.at.patch(f"/users/{member.name}", {"disabled": True}),
    ):
        assert problem(answer, 409) == TOLD
    assert member.at.get("/groups/root").json()["members"] == [member.name]


def test_what_has_nothing_to_do_with_it_is_let_through(alone: Office) -> None:
    other = alone.person("reader:*")
    [found] = alone.admin.at.get("/grants", subject=other.subject).json()["items"]
    assert alone.admin.at.patch(f"/users/{other.name}", {"disabled": True}).status_code == 200
    assert alone.admin.at.delete(f"/grants/{found['id']}").status_code == 204
    assert alone.admin.at.delete(f"/users/{other.name}").status_code == 204


def test_of_two_admins_who_delete_each_other_one_stays(alone: Office) -> None:
    one, other = alone.person("admin:*"), alone.person("admin:*")
    assert one.at.delete("/users/admin").status_code == 204
    answers = at_once(
        lambda: one.at.delete(f"/users/{other.name}"),
        lambda: other.at.delete(f"/users/{one.name}"),
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 204
    assert codes[1] in (401, 403, 409)  # gone as it came, or the last one when it was made
    assert sorted(each.at.get("/users").status_code for each in (one, other)) == [200, 401]
