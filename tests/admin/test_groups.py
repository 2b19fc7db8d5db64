"""Groups: their members come and go, and with them what the group was given."""

from typing import Any

import pytest
from tests.admin.office import Office, fresh, made, problem


def group(office: Office, *members: str) -> str:
    name = fresh("group")
    made(office.admin.at.post("/groups", {"name": name}))
    for member in members:
        assert office.admin.at.put(f"/groups/{name}/members/{member}").status_code == 204
    return name


def test_a_group_is_made_shown_described_and_deleted(office: Office) -> None:
    name, who = fresh("group"), office.person()
    found = made(office.admin.at.post("/groups", {"name": name, "description": "All"}))
    assert (found["name"], found["description"], found["members"]) == (name, "All", [])
    problem(office.admin.at.post("/groups", {"name": name}), 409)
    path = f"/groups/{name}"
    assert office.admin.at.put(f"{path}/members/{who.name}").status_code == 204
    changed = office.admin.at.patch(path, {"description": "Some"}).json()
    assert (changed["description"], changed["members"]) == ("Some", [who.name])
    assert office.admin.at.delete(path).status_code == 204
    problem(office.admin.at.get(path), 404)
    assert office.admin.at.get(f"/users/{who.name}").json()["groups"] == []


def test_members_have_what_the_group_was_given(office: Office) -> None:
    who = office.person()
    name = group(office, who.name)
    office.accounts.grant(f"group:{name}", "auditor:*")
    assert who.at.get("/users").status_code == 200
    session = who.at.get("/session").json()
    assert session["groups"] == [name]
    assert session["grants"] == [{"role": "auditor", "pattern": "*"}]
    assert office.admin.at.delete(f"/groups/{name}/members/{who.name}").status_code == 204
    problem(who.at.get("/users"), 403)


def test_with_a_group_goes_what_it_was_given(office: Office) -> None:
    who = office.person()
    name = group(office, who.name)
    office.accounts.grant(f"group:{name}", "auditor:*")
    assert office.admin.at.delete(f"/groups/{name}").status_code == 204
    problem(who.at.get("/users"), 403)
    again = group(office, who.name)
    assert office.admin.at.get("/grants", subject=f"group:{again}").json()["items"] == []
    made(office.admin.at.post("/groups", {"name": name}))
    assert office.admin.at.put(f"/groups/{name}/members/{who.name}").status_code == 204
    problem(who.at.get("/users"), 403)


def test_joining_twice_is_as_once_and_leaving_twice_is_told(office: Office) -> None:
    who = office.person()
    name = group(office, who.name, who.name)
    path = f"/groups/{name}/members/{who.name}"
    assert office.admin.at.delete(path).status_code == 204
    assert problem(office.admin.at.delete(path), 404) == f"{who.name} is not in {name}"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_who_is_not_there_neither_joins_nor_leaves(office: Office, method: str) -> None:
    name, robot = group(office), made(office.admin.at.post("/robots", {"name": fresh("robot")}))
    for path in (
        f"/groups/{name}/members/{fresh('nobody')}",
        f"/groups/{name}/members/{robot['name']}",
        f"/groups/{fresh('nothing')}/members/admin",
    ):
        problem(office.admin.at.request(method, path), 404)


def test_pages_drop_none(office: Office) -> None:
    names = [group(office) for _ in range(5)]
    found = [each["name"] for each in office.admin.at.pages("/groups", 2)]
    assert found == sorted(set(found))
    assert set(names) <= set(found)


REFUSED: dict[str, dict[str, Any]] = {
    "no name": {"description": "x"},
    "a name that is none": {"name": "Not A Name"},
    "a field that nobody knows": {"name": "dev", "members": ["admin"]},
    "a description that is none": {"name": "dev", "description": None},
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_made(office: Office, body: dict[str, Any]) -> None:
    problem(office.admin.at.post("/groups", body), 422)
