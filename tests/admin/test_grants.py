"""Grants and `can`: who gives what to whom, who sees it, and what follows from it."""

from typing import Any

import pytest
from tests.admin.office import Office, Person, at_once, fresh, made, problem


def give(who: Person, subject: str, role: str, pattern: str) -> dict[str, Any]:
    wanted = {"subject": subject, "role": role, "pattern": pattern}
    found: dict[str, Any] = made(who.at.post("/grants", wanted))
    return found


def test_a_grant_is_given_shown_used_and_taken_back(office: Office) -> None:
    owner, reader = office.person("owner:team/*"), office.person()
    found = give(owner, reader.subject, "reader", "team/app-*")
    assert found["created_by"] == owner.subject
    assert found["used_at"] is None
    assert found in reader.at.get("/grants").json()["items"]
    assert found in owner.at.get("/grants", subject=reader.subject).json()["items"]
    asked = {"actor": reader.subject, "action": "pull", "repository": "team/app-1"}
    answer = owner.at.get("/can", **asked).json()
    assert answer["allowed"] is True
    assert answer["reason"] == (f"grant {found['id']}: {reader.subject} is reader on team/app-*")
    assert owner.at.delete(f"/grants/{found['id']}").status_code == 204
    assert owner.at.get("/can", **asked).json()["allowed"] is False
    problem(owner.at.delete(f"/grants/{found['id']}"), 404)


def test_giving_twice_is_as_once(office: Office) -> None:
    who = office.person()
    wanted = {"subject": who.subject, "role": "reader", "pattern": "team/*"}
    answers = at_once(*[lambda: office.admin.at.post("/grants", wanted)] * 4)
    assert len({made(answer)["id"] for answer in answers}) == 1


@pytest.mark.parametrize("kind", ["user", "group", "robot", "workload"])
def test_nothing_is_given_to_nobody(office: Office, kind: str) -> None:
    name = fresh("nobody")
    wanted = {"subject": f"{kind}:{name}", "role": "reader", "pattern": "team/*"}
    told = problem(office.admin.at.post("/grants", wanted), 404)
    assert told == f"there is no {kind} {name}: make it first"


REFUSED: dict[str, dict[str, Any]] = {
    "nobody": {"subject": "alice"},
    "a kind that nobody knows": {"subject": "team:alice"},
    "a name that is none": {"subject": "user:Alice"},
    "a role that nobody knows": {"role": "god"},
    "a pattern with a star inside": {"pattern": "team/*/app"},
    "an empty pattern": {"pattern": ""},
    "a pattern that climbs": {"pattern": "../*"},
    "a long pattern": {"pattern": "a" * 256},
    "a system role on a part": {"role": "auditor", "pattern": "team/*"},
    "a field that nobody knows": {"id": 1},
}


@pytest.mark.parametrize("part", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_given(office: Office, part: dict[str, Any]) -> None:
    wanted = {"subject": "user:admin", "role": "reader", "pattern": "team/*", **part}
    problem(office.admin.at.post("/grants", wanted), 422)


def test_who_sees_which_grants(office: Office) -> None:
    """One's own, those of one's groups, those on what one owns; auditors all."""
    project, group = fresh("project"), fresh("group")
    made(office.admin.at.post("/groups", {"name": group}))
    reader, other = office.person(f"reader:{project}/*"), office.person("reader:other/*")
    assert office.admin.at.put(f"/groups/{group}/members/{reader.name}").status_code == 204
    office.accounts.grant(f"group:{group}", "reader:third/*")
    owner, auditor = office.person(f"owner:{project}/*"), office.person("auditor:*")

    def sees(who: Person) -> set[str]:
        found = {f"{each['subject']} {each['pattern']}" for each in who.at.pages("/grants", 1000)}
        mine = (reader.subject, other.subject, f"group:{group}")
        return {text for text in found if text.startswith(mine)}

    own, ours = f"{reader.subject} {project}/*", f"group:{group} third/*"
    assert sees(reader) == {own, ours}
    assert sees(owner) == {own}
    assert sees(other) == {f"{other.subject} other/*"}
    assert sees(auditor) == {own, ours, f"{other.subject} other/*"}


def test_pages_drop_none(office: Office) -> None:
    who = office.person(*[f"reader:team/a{each}" for each in range(7)])
    for limit in (1, 2, 7, 8):
        found = [each["pattern"] for each in who.at.pages("/grants", limit)]
        assert found == [f"team/a{each}" for each in range(7)]


ASKED = [
    ("itself", "pull", "team/app", True),
    ("itself", "push", "team/app", False),
    ("itself", "pull", "other/app", False),
    ("anonymous", "pull", "team/app", False),
]


@pytest.mark.parametrize(("actor", "action", "repository", "yes"), ASKED)
def test_what_one_may(office: Office, actor: str, action: str, repository: str, yes: bool) -> None:
    who = office.person("reader:team/*")
    asked = {"action": action, "repository": repository}
    actor = who.subject if actor == "itself" else actor
    answer = office.admin.at.get("/can", actor=actor, **asked).json()
    assert answer["allowed"] is yes
    assert answer["reason"]


def test_a_disabled_account_may_nothing(office: Office) -> None:
    who = office.person("admin:*")
    assert office.admin.at.patch(f"/users/{who.name}", {"disabled": True}).status_code == 200
    asked = {"actor": who.subject, "action": "pull", "repository": "team/app"}
    assert office.admin.at.get("/can", **asked).json() == {
        "allowed": False,
        "reason": f"{who.subject} is disabled",
    }


def test_policies_say_why(office: Office) -> None:
    name = fresh("project")
    made(office.admin.at.post("/projects", {"name": name, "networks": ["10.0.0.0/8"]}))
    asked = {"actor": "user:admin", "action": "pull", "repository": f"{name}/app"}
    far = office.admin.at.get("/can", address="192.0.2.1", **asked).json()
    near = office.admin.at.get("/can", address="10.1.1.1", **asked).json()
    assert far == {
        "allowed": False,
        "reason": f"project {name} is closed to the address 192.0.2.1",
    }
    assert near["allowed"] is True
    frozen = {"read_only": True, "networks": []}
    assert office.admin.at.patch(f"/projects/{name}", frozen).status_code == 200
    answer = office.admin.at.get("/can", **{**asked, "action": "push"}).json()
    assert answer == {"allowed": False, "reason": f"project {name} is read-only"}


def test_whoever_may_not_ask_learns_nothing(office: Office) -> None:
    who, there = office.person("maintainer:team/*"), office.person()
    told = [
        problem(who.at.get("/can", actor=actor, action="pull", repository="team/app"), 403)
        for actor in (there.subject, f"user:{fresh('nobody')}")
    ]
    assert told[0] == told[1]
