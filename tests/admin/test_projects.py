"""Projects: who makes, sees, changes and deletes them, and what their settings may be."""

from typing import Any

import httpx
import pytest
from tests.admin.office import Office, at_once, fresh, made, problem
from tests.content import put_image

SETTINGS: dict[str, Any] = {
    "public": True,
    "description": "Base images",
    "quota": 10**12,
    "read_only": True,
    "networks": ["10.0.0.0/8", "2001:db8::/32"],
    "require_certificate": True,
    "longest_token": 3600.0,
    "immutable": ["v*", "[0-9]*"],
}
PLAIN: dict[str, Any] = {
    "public": False,
    "description": "",
    "quota": None,
    "read_only": False,
    "networks": [],
    "require_certificate": False,
    "longest_token": None,
    "immutable": [],
}


def project(office: Office, **more: Any) -> str:
    name = fresh("project")
    made(office.admin.at.post("/projects", {"name": name, **more}))
    return name


def test_whoever_makes_a_project_owns_it(office: Office) -> None:
    who, name = office.person("creator:*"), fresh("project")
    found = made(who.at.post("/projects", {"name": name}))
    assert PLAIN.items() <= found.items()
    assert found["created_by"] == who.subject
    path = f"/projects/{name}"
    assert who.at.get(path).json() == found
    session = who.at.get("/session").json()
    assert {"role": "owner", "pattern": f"{name}/*"} in session["grants"]
    assert who.at.patch(path, {"public": True}).status_code == 200
    assert who.at.delete(path).status_code == 204
    assert {"role": "owner", "pattern": f"{name}/*"} not in who.at.get("/session").json()["grants"]


def test_settings_are_kept(office: Office) -> None:
    name = project(office, **SETTINGS)
    assert SETTINGS.items() <= office.admin.at.get(f"/projects/{name}").json().items()


@pytest.mark.parametrize("field", SETTINGS)
def test_what_is_not_given_stays(office: Office, field: str) -> None:
    path = f"/projects/{project(office, **SETTINGS)}"
    changed = office.admin.at.patch(path, {field: PLAIN[field]}).json()
    nulled = PLAIN[field] is None  # what null can take away
    assert {**SETTINGS, field: PLAIN[field]}.items() <= changed.items()
    again = office.admin.at.patch(path, {field: None}).json()
    assert again[field] == (None if nulled else PLAIN[field])
    assert office.admin.at.patch(path, {}).json() == again


def test_a_project_is_taken_once(office: Office) -> None:
    one, other, name = office.person("creator:*"), office.person("creator:*"), fresh("project")
    answers = at_once(
        lambda: one.at.post("/projects", {"name": name}),
        lambda: other.at.post("/projects", {"name": name}),
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    owners = office.admin.at.get("/grants", project=name).json()["items"]
    assert len(owners) == 1


SEEN = [
    ("reader:{}/*", True),
    ("reader:{}/app", True),
    ("reader:{}/app-*", True),
    ("reader:{}", True),
    ("reader:*", True),
    ("auditor:*", True),
    ("reader:{}-other/*", False),
    ("reader:{}0", False),
    ("creator:*", False),
    ("", False),
]


@pytest.mark.parametrize(("granted", "yes"), SEEN, ids=[text for text, _ in SEEN])
def test_who_sees_a_private_project(office: Office, granted: str, yes: bool) -> None:
    name = project(office)
    who = office.person(*granted.format(name).split())
    answer = who.at.get(f"/projects/{name}")
    assert answer.status_code == (200 if yes else 404)
    listed = [each["name"] for each in who.at.pages("/projects", 100)]
    assert (name in listed) == yes
    if not yes:
        other = fresh("nothing")
        none = problem(who.at.get(f"/projects/{other}"), 404)
        assert problem(answer, 404).replace(name, other) == none


def test_whoever_sees_a_project_sees_the_repositories_they_may_pull(office: Office) -> None:
    name = project(office)
    with httpx.Client(base_url=office.served.url, auth=("x", office.admin.token)) as client:
        for repository in ("a", "b/c", "d"):
            put_image(client, f"{name}/{repository}", "t", repository.encode())
    path = f"/projects/{name}/repositories"
    every = [f"{name}/{each}" for each in ("a", "b/c", "d")]
    assert office.admin.at.pages(path, 1) == office.admin.at.pages(path, 2) == every
    some = office.person(f"reader:{name}/b/*", f"writer:{name}/d")
    assert some.at.pages(path, 1) == every[1:]
    assert office.person().at.pages(path, 1) == []
    told = problem(office.admin.at.delete(f"/projects/{name}"), 409)
    assert told == f"{name} has images: delete them first"


def test_with_a_project_go_the_grants_on_it_alone(office: Office) -> None:
    name = project(office)
    who = office.person(f"owner:{name}/*", f"reader:{name}", f"reader:{name}-b/*", "reader:other/*")
    assert who.at.delete(f"/projects/{name}").status_code == 204
    left = [each["pattern"] for each in who.at.get("/session").json()["grants"]]
    assert left == [f"{name}-b/*", "other/*"]


def test_pages_drop_none(office: Office) -> None:
    prefix = fresh("paged")
    who = office.person(*[f"reader:{prefix}{each}/*" for each in range(0, 8, 2)])
    for each in range(8):
        made(office.admin.at.post("/projects", {"name": f"{prefix}{each}"}))
    for limit in (1, 2, 3, 4, 5):
        found = [each["name"] for each in who.at.pages("/projects", limit, after=prefix)]
        wanted = [f"{prefix}{each}" for each in range(0, 8, 2)]
        assert [each for each in found if each.startswith(prefix)] == wanted


REFUSED: dict[str, dict[str, Any]] = {
    "no name": {},
    "a name of a repository": {"name": "team/app"},
    "a name in capitals": {"name": "Team"},
    "a name that climbs": {"name": ".."},
    "a pattern": {"name": "team*"},
    "a network that is none": {"name": "team", "networks": ["10.0.0.0/99"]},
    "a quota below none": {"name": "team", "quota": -1},
    "a quota that is too large": {"name": "team", "quota": 2**63},
    "a life of none": {"name": "team", "longest_token": 0},
    "a pattern of tags that is none": {"name": "team", "immutable": ["v 1"]},
    "a pattern of tags that means nothing": {"name": "team", "immutable": ["[v"]},
    "a pattern of tags that is empty": {"name": "team", "immutable": [""]},
    "a field that nobody knows": {"name": "team", "owner": "user:admin"},
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_made(office: Office, body: dict[str, Any]) -> None:
    problem(office.admin.at.post("/projects", body), 422)


def test_a_network_is_written_as_one(office: Office) -> None:
    path = f"/projects/{project(office)}"
    changed = office.admin.at.patch(path, {"networks": ["10.1.2.3/8", "192.0.2.7"]}).json()
    assert changed["networks"] == ["10.0.0.0/8", "192.0.2.7/32"]
