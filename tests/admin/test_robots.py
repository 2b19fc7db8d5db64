"""Robots: who manages which, what is told of their secrets, and when those end."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.admin.office import Office, Person, at_once, fresh, made, problem


def wanted(*granted: str, name: str = "", **more: Any) -> dict[str, Any]:
    pairs = (text.split(":") for text in granted)
    grants = [{"role": role, "pattern": pattern} for role, pattern in pairs]
    return {"name": name or fresh("robot"), "grants": grants, **more}


def robot(who: Person, *granted: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = made(who.at.post("/robots", wanted(*granted, **more)))
    return found


def refresh(office: Office, secret: str) -> str:
    """A refresh token made by a secret, as docker login keeps one."""
    query = {"offline_token": "true", "service": "entrepot"}
    answer = office.served.client.get("/token", params=query, auth=("robot", secret))
    return str(answer.json()["refresh_token"])


def renews(office: Office, token: str) -> bool:
    form = {"grant_type": "refresh_token", "refresh_token": token, "service": "entrepot"}
    return office.served.client.post("/token", data=form).status_code == 200


def test_a_robot_is_made_with_its_grants_and_a_secret_shown_once(office: Office) -> None:
    who = office.person("owner:team/*")
    answer = who.at.post("/robots", wanted("writer:team/*", "reader:team/app"))
    found = made(answer)
    assert answer.headers["cache-control"] == "no-store"
    assert found["username"] == f"robot/{found['name']}"
    assert [(each["role"], each["pattern"]) for each in found["grants"]] == [
        ("writer", "team/*"),
        ("reader", "team/app"),
    ]
    assert found["created_by"] == who.subject
    assert found["expires_at"] is None
    secret = found.pop("secret")
    assert secret.startswith("entrepot_rob_")
    assert office.lets_in(secret, found["username"])
    assert office.lets_in(secret, "whatever")
    for path in ("/robots", f"/robots/{found['name']}", "/grants"):
        assert secret not in who.at.get(path).text
    assert office.bearing(secret).get("/session").json()["subject"] == f"robot:{found['name']}"


def test_its_secret_ends_when_it_was_said_to(office: Office) -> None:
    who = office.person("owner:team/*")
    before = datetime.now(UTC).timestamp()
    found = robot(who, "reader:team/*", expires=3600)
    end = datetime.fromisoformat(found["expires_at"]).timestamp()
    assert before + 3600 <= end <= datetime.now(UTC).timestamp() + 3600
    assert found["secrets"][0]["expires_at"] == found["expires_at"]


MANAGED = [
    ("owner:team/*", "writer:team/*", True),
    ("owner:team/*", "writer:team/app", True),
    ("owner:team/*", "writer:team/* reader:team/app-*", True),
    ("owner:*", "writer:team/* reader:other/*", True),
    ("owner:team/* owner:other/*", "writer:team/* reader:other/*", True),
    ("owner:team/*", "writer:team/* reader:other/*", False),
    ("owner:team/*", "writer:team*", False),
    ("owner:team/app", "writer:team/*", False),
    ("maintainer:team/*", "reader:team/app", False),
    ("owner:*", "admin:*", False),
    ("owner:*", "auditor:* reader:team/*", False),
    ("owner:*", "", False),
    ("admin:*", "", True),
    ("admin:*", "admin:*", True),
    ("creator:*", "reader:team/app", False),
]


@pytest.mark.parametrize(("own", "its", "yes"), MANAGED, ids=[f"{o}-{i}" for o, i, _ in MANAGED])
def test_whoever_could_give_all_that_it_has_manages_a_robot(
    office: Office, own: str, its: str, yes: bool
) -> None:
    who, found = office.person(*own.split()), robot(office.admin, *its.split())
    path = f"/robots/{found['name']}"
    assert who.at.get(path).status_code == (200 if yes else 404)
    listed = {each["name"] for each in who.at.get("/robots?limit=1000").json()["items"]}
    assert (found["name"] in listed) == yes
    rotated = who.at.post(f"{path}/rotate", {})
    assert rotated.status_code == (201 if yes else 404)
    again = who.at.post("/robots", wanted(*its.split()))
    assert again.status_code == (201 if yes else 403)


CALLS: dict[str, tuple[str, str, Any]] = {
    "show": ("GET", "", None),
    "change": ("PATCH", "", {"disabled": True}),
    "delete": ("DELETE", "", None),
    "rotate": ("POST", "/rotate", {"overlap": 0}),
    "revoke": ("DELETE", "/secrets/{secret}", None),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_someone_elses_robot_is_as_none_at_all(office: Office, call: tuple[str, str, Any]) -> None:
    stranger, owner = office.person("owner:other/*"), office.person("owner:team/*")
    found = robot(owner, "writer:team/*")
    method, below, body = call
    below = below.format(secret=found["secrets"][0]["id"])
    told = [
        problem(stranger.at.request(method, f"/robots/{name}{below}", json=body), 404).replace(
            name, "NAME"
        )
        for name in (found["name"], fresh("nobody"))
    ]
    assert told[0] == told[1]
    assert office.lets_in(found["secret"])
    assert owner.at.get(f"/robots/{found['name']}").json()["disabled"] is False


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_auditor_looks_and_changes_nothing(office: Office, call: tuple[str, str, Any]) -> None:
    auditor, found = office.person("auditor:*"), robot(office.admin, "writer:team/*")
    method, below, body = call
    below = below.format(secret=found["secrets"][0]["id"])
    answer = auditor.at.request(method, f"/robots/{found['name']}{below}", json=body)
    assert answer.status_code == (200 if method == "GET" else 403)


def test_a_secret_of_another_robot_is_not_revoked_through_ones_own(office: Office) -> None:
    owner = office.person("owner:team/*")
    own, theirs = robot(owner, "reader:team/*"), robot(office.admin, "reader:other/*")
    number = theirs["secrets"][0]["id"]
    problem(owner.at.delete(f"/robots/{own['name']}/secrets/{number}"), 404)
    assert office.lets_in(theirs["secret"])


def test_a_robot_that_gets_more_than_one_owns_is_ones_own_no_longer(office: Office) -> None:
    owner = office.person("owner:team/*")
    found = robot(owner, "reader:team/*")
    office.accounts.grant(f"robot:{found['name']}", "writer:other/*")
    problem(owner.at.post(f"/robots/{found['name']}/rotate", {}), 404)


def test_a_name_that_is_taken_says_no_more_than_that(office: Office) -> None:
    stranger, owner = office.person("owner:other/*"), office.person("owner:team/*")
    theirs = robot(owner, "writer:team/*")["name"]
    told = problem(stranger.at.post("/robots", wanted("reader:other/*", name=theirs)), 409)
    assert told == f"the name {theirs} is taken: choose another one"
    assert told == problem(owner.at.post("/robots", wanted("reader:team/*", name=theirs)), 409)


def test_of_two_owners_who_want_one_name_one_gets_it(office: Office) -> None:
    one, other = office.person("owner:team/*"), office.person("owner:other/*")
    for _ in range(5):
        name = fresh("robot")
        answers = at_once(
            lambda n=name: one.at.post("/robots", wanted("reader:team/*", name=n)),
            lambda n=name: other.at.post("/robots", wanted("reader:other/*", name=n)),
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        its = office.admin.at.get(f"/robots/{name}").json()
        assert len(its["grants"]) == len(its["secrets"]) == 1


def test_what_may_not_be_given_makes_no_robot(office: Office) -> None:
    owner, name = office.person("owner:team/*"), fresh("robot")
    answer = owner.at.post("/robots", wanted("reader:team/*", "reader:other/*", name=name))
    assert (
        problem(answer, 403)
        == f"{owner.subject} may not grant on other/*: ask an owner or an admin"
    )
    problem(office.admin.at.get(f"/robots/{name}"), 404)


def test_a_token_limited_to_less_makes_no_robot(office: Office) -> None:
    owner = office.person("owner:team/*")
    limited = office.bearing(office.accounts.token(owner.name, "writer:team/*").secret)
    problem(limited.post("/robots", wanted("reader:team/app")), 403)


ROTATIONS: dict[str, tuple[dict[str, Any], bool]] = {
    "a day": ({}, True),
    "an hour": ({"overlap": 3600}, True),
    "at once": ({"overlap": 0}, False),
}


@pytest.mark.parametrize(("given", "stays"), ROTATIONS.values(), ids=ROTATIONS)
def test_rotation_overlaps(office: Office, given: dict[str, Any], stays: bool) -> None:
    owner = office.person("owner:team/*")
    old = robot(owner, "reader:team/*")
    refreshed = refresh(office, old["secret"])
    new = made(owner.at.post(f"/robots/{old['name']}/rotate", given))
    assert new["secret"] != old["secret"]
    assert office.lets_in(new["secret"])
    assert office.lets_in(old["secret"]) == renews(office, refreshed) == stays
    first, second = new["secrets"]
    assert second["expires_at"] is None
    left = datetime.fromisoformat(first["expires_at"]) - datetime.now(UTC)
    overlap = given.get("overlap", 24 * 3600)
    assert overlap - 60 < left.total_seconds() <= overlap


def test_a_new_secret_is_good_as_long_as_the_one_before(office: Office) -> None:
    owner = office.person("owner:team/*")
    found = robot(owner, "reader:team/*", expires=7200)
    path = f"/robots/{found['name']}/rotate"
    lives = []
    for given in ({}, {"expires": 60}, {"expires": None}, {}):
        new = made(owner.at.post(path, {"overlap": 10, **given}))
        end, begin = new["expires_at"], new["secrets"][-1]["created_at"]
        life = end and datetime.fromisoformat(end) - datetime.fromisoformat(begin)
        lives.append(life and round(life.total_seconds()))
    assert lives == [7200, 60, None, None]


def test_rotation_does_not_make_an_old_secret_last_longer(office: Office) -> None:
    owner = office.person("owner:team/*")
    found = robot(owner, "reader:team/*", expires=60)
    new = made(owner.at.post(f"/robots/{found['name']}/rotate", {}))
    assert new["secrets"][0]["expires_at"] == found["expires_at"]


def test_a_secret_is_revoked_alone(office: Office) -> None:
    owner = office.person("owner:team/*")
    old = robot(owner, "reader:team/*")
    new = made(owner.at.post(f"/robots/{old['name']}/rotate", {}))
    refreshed = refresh(office, old["secret"])
    path = f"/robots/{old['name']}/secrets/{old['secrets'][0]['id']}"
    assert owner.at.delete(path).status_code == 204
    assert not office.lets_in(old["secret"])
    assert not renews(office, refreshed)
    assert office.lets_in(new["secret"])
    problem(owner.at.delete(path), 404)


def test_a_robot_has_so_many_secrets_at_most(office: Office) -> None:
    found = robot(office.admin)
    path = f"/robots/{found['name']}/rotate"
    for _ in range(99):
        made(office.admin.at.post(path, {}))
    assert "100" in problem(office.admin.at.post(path, {}), 409)
    # what was refused has changed nothing, and secrets that have ended do not count
    assert office.lets_in(found["secret"])
    number = found["secrets"][0]["id"]
    assert office.admin.at.delete(f"/robots/{found['name']}/secrets/{number}").status_code == 204
    made(office.admin.at.post(path, {"overlap": 0}))


def test_a_disabled_robot_is_let_in_nowhere(office: Office) -> None:
    owner = office.person("owner:team/*")
    found = robot(owner, "reader:team/*")
    path, refreshed = f"/robots/{found['name']}", refresh(office, found["secret"])
    assert owner.at.patch(path, {"disabled": True}).json()["disabled"] is True
    assert not office.lets_in(found["secret"])
    assert not renews(office, refreshed)
    assert office.bearing(found["secret"]).get("/session").status_code == 401
    assert owner.at.patch(path, {"disabled": False}).json()["disabled"] is False
    assert office.lets_in(found["secret"])
    assert not renews(office, refreshed)


def test_with_a_robot_go_its_grants_and_secrets(office: Office) -> None:
    owner = office.person("owner:team/*")
    found = robot(owner, "reader:team/*")
    assert owner.at.delete(f"/robots/{found['name']}").status_code == 204
    assert not office.lets_in(found["secret"])
    again = robot(office.admin, name=found["name"])
    assert again["grants"] == []
    assert not office.lets_in(found["secret"])


def test_what_was_changed_since_it_was_read_is_not_changed_again(office: Office) -> None:
    owner = office.person("owner:team/*")
    path = f"/robots/{robot(owner, 'reader:team/*')['name']}"
    tag = owner.at.get(path).headers["etag"]
    answer = owner.at.patch(path, {"description": "builds"}, tag)
    assert answer.json()["description"] == "builds"
    assert answer.headers["etag"] == owner.at.get(path).headers["etag"]
    problem(owner.at.patch(path, {"description": "x"}, tag), 412)
    problem(owner.at.delete(path, tag), 412)
    assert owner.at.delete(path, answer.headers["etag"]).status_code == 204


def test_mere_use_changes_no_entity_tag(office: Office) -> None:
    found = robot(office.admin, "reader:team/*")
    path = f"/robots/{found['name']}"
    before = office.admin.at.get(path)
    assert office.lets_in(found["secret"])
    with office.accounts._change("used") as db:
        db.execute("update secret set used_at = 1 where id = ?", (found["secrets"][0]["id"],))
        db.execute("update permission set used_at = 1 where id = ?", (found["grants"][0]["id"],))
    after = office.admin.at.get(path)
    assert before.json() != after.json()
    assert before.headers["etag"] == after.headers["etag"]


REFUSED: dict[str, dict[str, Any]] = {
    "a name that is none": wanted(name="Not A Name"),
    "a role that is none": wanted("king:team/*"),
    "a pattern that is none": wanted("reader:../x"),
    "a system role on a part": wanted("admin:team/*"),
    "no life": wanted(expires=0),
    "a life that has passed": wanted(expires=-5),
    "a life without end": wanted(expires=1e300),
    "a life that is no number": wanted(expires="soon"),
    "a field that nobody knows": wanted(secret="mine"),
    "too many grants": wanted(*["reader:team/app"] * 101),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_made(office: Office, body: dict[str, Any]) -> None:
    problem(office.admin.at.post("/robots", body), 422)
    assert office.admin.at.get(f"/robots/{body['name']}").status_code == 404


def test_pages_drop_none(office: Office) -> None:
    owner = office.person("owner:paged/*")
    names = [robot(owner, "reader:paged/*")["name"] for _ in range(7)]
    robot(office.admin, "reader:elsewhere/*")  # lies between, and is not seen
    found = owner.at.pages("/robots", 2)
    assert [each["name"] for each in found] == sorted(names)


def test_a_robot_may_own_what_it_manages(office: Office) -> None:
    """As CI that makes robots for others, within what it owns."""
    parent = robot(office.admin, "owner:nested/*")
    at = office.bearing(parent["secret"])
    child = made(at.post("/robots", wanted("writer:nested/app")))
    assert child["created_by"] == f"robot:{parent['name']}"
    problem(at.post("/robots", wanted("writer:team/app")), 403)


def test_whose_grant_was_taken_back_manages_no_more(office: Office) -> None:
    owner = office.person("owner:team/*")
    path = f"/robots/{robot(owner, 'reader:team/*')['name']}"
    assert owner.at.get(path).status_code == 200
    office.accounts.revoke(owner.subject, "owner:team/*")
    answers: list[httpx.Response] = [owner.at.get(path), owner.at.delete(path)]
    assert [answer.status_code for answer in answers] == [404, 404]
