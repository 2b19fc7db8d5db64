"""Users: what is told of them, who changes them, and their passwords."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from tests.admin.office import PASSWORD, Office, at_once, fresh, made, problem

from entrepot.auth import throttle

ANOTHER = "another horse battery"


def user(office: Office, **more: Any) -> str:
    name = fresh("user")
    made(office.admin.at.post("/users", {"name": name, **more}))
    return name


def test_a_user_is_shown_without_the_password(office: Office) -> None:
    name = fresh("user")
    wanted = {"name": name, "password": PASSWORD, "email": "a@b.c", "description": "Alice"}
    answer = office.admin.at.post("/users", wanted)
    found = made(answer)
    assert (found["name"], found["email"], found["description"]) == (name, "a@b.c", "Alice")
    assert found["password"] is True
    assert (found["disabled"], found["groups"], found["seen_at"]) == (False, [], None)
    assert found["created_by"] == "user:admin"
    again = office.admin.at.get(f"/users/{name}")
    assert again.json() == found
    assert again.headers["etag"] == answer.headers["etag"]
    assert PASSWORD not in answer.text
    assert "argon2" not in answer.text
    assert office.lets_in(PASSWORD, name)


def test_without_a_password_nobody_comes_in_by_one(office: Office) -> None:
    name = user(office)
    assert office.admin.at.get(f"/users/{name}").json()["password"] is False
    assert not office.lets_in("", name)
    assert not office.lets_in(PASSWORD, name)


def test_a_name_is_taken_once(office: Office) -> None:
    name = fresh("user")
    answers = at_once(*[lambda: office.admin.at.post("/users", {"name": name})] * 4)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    problem(office.admin.at.post("/users", {"name": name}), 409)


def test_a_robot_of_the_same_name_is_another(office: Office) -> None:
    name = user(office)
    made(office.admin.at.post("/robots", {"name": name}))
    assert office.admin.at.delete(f"/users/{name}").status_code == 204
    assert office.admin.at.get(f"/robots/{name}").status_code == 200


def test_each_sees_oneself_and_nobody_else(office: Office) -> None:
    who, other = office.person("owner:*"), user(office)
    assert who.at.get(f"/users/{who.name}").json()["name"] == who.name
    told = [problem(who.at.get(f"/users/{each}"), 403) for each in (other, fresh("nobody"))]
    assert told[0] == told[1]
    problem(who.at.patch(f"/users/{who.name}", {"email": "x@y.z"}), 403)
    problem(who.at.get("/users"), 403)


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {"description": "A", "email": "a@b.c", "disabled": False}),
    "the description": ({"description": "B"}, {"description": "B", "email": "a@b.c"}),
    "the address": ({"email": "d@e.f"}, {"description": "A", "email": "d@e.f"}),
    "the address, to none": ({"email": None}, {"description": "A", "email": None}),
    "disabled": ({"disabled": True}, {"description": "A", "email": "a@b.c", "disabled": True}),
}


@pytest.mark.parametrize(("given", "then"), CHANGES.values(), ids=CHANGES)
def test_what_is_not_given_stays(
    office: Office, given: dict[str, Any], then: dict[str, Any]
) -> None:
    path = f"/users/{user(office, description='A', email='a@b.c')}"
    answer = office.admin.at.patch(path, given)
    assert answer.status_code == 200
    assert then.items() <= answer.json().items()
    assert office.admin.at.get(path).json() == answer.json()


def test_a_disabled_user_is_let_in_by_nothing(office: Office) -> None:
    name = user(office, password=PASSWORD)
    session = made(office.basic(name, PASSWORD).post("/session", {}))["secret"]
    path = f"/users/{name}"
    assert office.admin.at.patch(path, {"disabled": True}).status_code == 200
    assert not office.lets_in(PASSWORD, name)
    assert office.bearing(session).get("/session").status_code == 401
    assert office.basic(name, PASSWORD).get("/session").status_code == 401
    assert office.admin.at.patch(path, {"disabled": False}).status_code == 200
    assert office.lets_in(PASSWORD, name)
    assert office.bearing(session).get("/session").status_code == 401


def test_pages_drop_none(office: Office) -> None:
    prefix = fresh("paged")
    names = sorted(f"{prefix}-{number}" for number in range(9))
    for name in reversed(names):
        made(office.admin.at.post("/users", {"name": name}))
    for limit in (1, 2, 3, 9, 10, 1000):
        found = [each["name"] for each in office.admin.at.pages("/users", limit, after=prefix)]
        assert [name for name in found if name.startswith(prefix)] == names


class TestPassword:
    def test_ones_own_wants_the_current_one(self, office: Office) -> None:
        name = user(office, password=PASSWORD)
        at, path = office.bearing(office.accounts.token(name).secret), f"/users/{name}/password"
        problem(at.put(path, {"password": ANOTHER}), 422)
        problem(at.put(path, {"password": ANOTHER, "current": "wrong horse"}), 403)
        assert office.lets_in(PASSWORD, name)
        assert at.put(path, {"password": ANOTHER, "current": PASSWORD}).status_code == 204
        assert not office.lets_in(PASSWORD, name)
        assert office.lets_in(ANOTHER, name)

    def test_the_current_one_is_no_token(self, office: Office) -> None:
        """Whoever found a token must not lock its owner out."""
        name = user(office, password=PASSWORD)
        token = office.accounts.token(name).secret
        path = f"/users/{name}/password"
        answer = office.bearing(token).put(path, {"password": ANOTHER, "current": token})
        problem(answer, 403)
        assert not office.lets_in(ANOTHER, name)

    def test_guesses_of_the_current_one_are_slowed_down(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = float(int(time.monotonic()))  # where the test stands still the wait is not over
        monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: now))
        name = user(office, password=PASSWORD)
        at, path = office.bearing(office.accounts.token(name).secret), f"/users/{name}/password"
        body = {"password": ANOTHER, "current": "wrong horse"}
        told = [problem(at.put(path, body), 403) for _ in range(6)]
        assert "wait" in told[-1]
        assert "wait" not in told[0]

    def test_an_admin_sets_anybodys(self, office: Office) -> None:
        name = user(office)
        path = f"/users/{name}/password"
        assert office.admin.at.put(path, {"password": ANOTHER}).status_code == 204
        assert office.lets_in(ANOTHER, name)
        problem(office.admin.at.put("/users/admin/password", {"password": ANOTHER}), 422)
        problem(office.admin.at.put("/users/not-there/password", {"password": ANOTHER}), 404)

    def test_nobody_else_does(self, office: Office) -> None:
        name, who = user(office, password=PASSWORD), office.person("owner:*", "auditor:*")
        problem(who.at.put(f"/users/{name}/password", {"password": ANOTHER}), 403)
        assert office.lets_in(PASSWORD, name)

    def test_sessions_end_with_it_but_for_the_one_that_changed_it(self, office: Office) -> None:
        name = user(office, password=PASSWORD)
        sessions = [
            office.bearing(
                made(office.basic(name, PASSWORD).post("/session", {"name": each}))["secret"]
            )
            for each in ("here", "there")
        ]
        token = office.accounts.token(name).secret
        body = {"password": ANOTHER, "current": PASSWORD}
        assert sessions[0].put(f"/users/{name}/password", body).status_code == 204
        assert [at.get("/session").status_code for at in sessions] == [200, 401]
        assert office.lets_in(token, name)


REFUSED: dict[str, dict[str, Any]] = {
    "no name": {},
    "an empty name": {"name": ""},
    "a name in capitals": {"name": "Alice"},
    "a name with a colon": {"name": "user:alice"},
    "a name with a slash": {"name": "a/b"},
    "a name with a newline": {"name": "alice\n"},
    "a long name": {"name": "a" * 129},
    "a short password": {"name": "alice", "password": "1234567"},
    "a long password": {"name": "alice", "password": "x" * 1025},
    "a password that is a number": {"name": "alice", "password": 12345678},
    "a field that nobody knows": {"name": "alice", "admin": True},
    "a hash": {"name": "alice", "password_hash": "$argon2id$"},
    "an identity": {"name": "alice", "identity": "https://issuer alice"},
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_made(office: Office, body: dict[str, Any]) -> None:
    answer = office.admin.at.post("/users", body)
    problem(answer, 422)
    given = str(body.get("password", "not told"))
    assert given not in answer.text, "a password was told back"
