"""Personal tokens: whose they are, what they may at most, and when they end."""

from datetime import datetime
from typing import Any

import pytest
from tests.admin.office import PASSWORD, At, Office, Person, fresh, made, problem

DAY = 24 * 3600


def token(at: At, *limits: str, **more: Any) -> dict[str, Any]:
    pairs = (text.split(":") for text in limits)
    listed = [{"role": role, "pattern": pattern} for role, pattern in pairs]
    body = {"name": fresh("token"), **({"limits": listed} if limits else {}), **more}
    found: dict[str, Any] = made(at.post("/tokens", body))
    return found


def life(found: dict[str, Any]) -> float | None:
    """Seconds, to the tenth."""
    if found["expires_at"] is None:
        return None
    begin, end = (datetime.fromisoformat(found[name]) for name in ("created_at", "expires_at"))
    return round((end - begin).total_seconds(), 1)


def numbers(at: At, **parameters: Any) -> list[int]:
    return [each["id"] for each in at.pages("/tokens", 1000, **parameters)]


def test_a_token_is_shown_once_and_comes_as_its_user(office: Office) -> None:
    who = office.person("reader:team/*")
    answer = who.at.post("/tokens", {"name": "laptop"})
    found = made(answer)
    assert answer.headers["cache-control"] == "no-store"
    secret = found.pop("secret")
    assert secret.startswith("entrepot_pat_")
    assert (found["user"], found["name"], found["limits"]) == (who.name, "laptop", None)
    assert life(found) == 90 * DAY
    assert office.lets_in(secret, who.name)
    session = office.bearing(secret).get("/session").json()
    assert (session["subject"], session["via"]) == (who.subject, "token laptop")
    listed = who.at.get("/tokens")
    assert secret not in listed.text
    assert found in [{**each, "used_at": None} for each in listed.json()["items"]]


@pytest.mark.parametrize(
    ("given", "seconds"), [(60, 60), (30 * DAY, 30 * DAY), (None, None)], ids=str
)
def test_it_is_good_for_as_long_as_was_said(
    office: Office, given: float | None, seconds: float | None
) -> None:
    assert life(token(office.person().at, expires=given)) == seconds


def test_limits_are_less_than_the_user_may(office: Office) -> None:
    who = office.person("owner:team/*", "reader:other/*")
    found = token(who.at, "reader:team/*", "owner:elsewhere/*")
    assert [each["pattern"] for each in found["limits"]] == ["team/*", "elsewhere/*"]
    query = {
        "scope": [f"repository:{each}/app:pull,push" for each in ("team", "other", "elsewhere")]
    }
    answer = office.served.client.get("/token", params=query, auth=("x", found["secret"]))
    assert answer.json()["scope"] == "repository:team/app:pull"


INNER = [
    ("reader:team/*", "reader:team/*", True),
    ("writer:team/*", "reader:team/*", True),
    ("writer:team/*", "reader:team/app", True),
    ("writer:team/*", "", True),  # what is not said is what the maker came by
    ("reader:team/* writer:team/app", "writer:team/app", True),
    ("reader:team/*", "writer:team/*", False),
    ("reader:team/*", "reader:*", False),
    ("reader:team/*", "reader:team*", False),
    ("reader:team/*", "reader:team/* reader:other/*", False),
    ("reader:team/*", "owner:team/app", False),
]


@pytest.mark.parametrize(("outer", "inner", "yes"), INNER, ids=[f"{o}-{i}" for o, i, _ in INNER])
def test_a_limited_token_makes_none_that_may_more(
    office: Office, outer: str, inner: str, yes: bool
) -> None:
    who = office.person("owner:*")
    limited = office.bearing(token(who.at, *outer.split())["secret"])
    if yes:
        found = token(limited, *inner.split())
        assert found["limits"] is not None
        return
    pairs = (text.split(":") for text in inner.split())
    body = {"name": "more", "limits": [{"role": r, "pattern": p} for r, p in pairs]}
    before = numbers(who.at)
    assert "limited" in problem(limited.post("/tokens", body), 403)
    assert numbers(who.at) == before


def test_a_limited_token_touches_none_that_may_more(office: Office) -> None:
    who = office.person("owner:*")
    whole, inner = token(who.at), token(who.at, "reader:team/app")
    limited = office.bearing(token(who.at, "writer:team/*")["secret"])
    problem(limited.delete(f"/tokens/{whole['id']}"), 403)
    problem(limited.post(f"/tokens/{whole['id']}/rotate", {}), 403)
    assert office.lets_in(whole["secret"])
    made(limited.post(f"/tokens/{inner['id']}/rotate", {}))
    assert limited.delete(f"/tokens/{inner['id']}").status_code == 204


def test_a_token_makes_none_that_outlives_it(office: Office) -> None:
    who = office.person()
    short = token(who.at, expires=3600)
    at = office.bearing(short["secret"])
    for given in (3700, None):
        problem(at.post("/tokens", {"name": "longer", "expires": given}), 403)
        problem(at.post(f"/tokens/{short['id']}/rotate", {"expires": given}), 403)
    assert life(token(at, expires=60)) == 60
    inherited = token(at)  # ends with its maker where nothing is said
    assert inherited["expires_at"] == short["expires_at"]
    rotated = made(at.post(f"/tokens/{short['id']}/rotate", {}))
    assert rotated["expires_at"] == short["expires_at"]


def test_a_session_stands_for_the_password(office: Office) -> None:
    name = fresh("user")
    made(office.admin.at.post("/users", {"name": name, "password": PASSWORD}))
    started = made(office.basic(name, PASSWORD).post("/session", {"name": "cli"}))
    at = office.bearing(started["secret"])
    assert life(token(at, expires=365 * DAY)) == 365 * DAY
    assert token(at, expires=None)["expires_at"] is None
    own = next(each for each in at.get("/tokens").json()["items"] if each["kind"] == "session")
    assert own["name"] == "cli"
    problem(at.post(f"/tokens/{own['id']}/rotate", {}), 409)
    assert at.delete(f"/tokens/{own['id']}").status_code == 204
    assert at.get("/session").status_code == 401


def test_rotation_keeps_name_and_limits(office: Office) -> None:
    who = office.person("owner:team/*")
    old = token(who.at, "reader:team/*", expires=7200)
    new = made(who.at.post(f"/tokens/{old['id']}/rotate", {"overlap": 100}))
    assert (new["name"], new["limits"], life(new)) == (old["name"], old["limits"], 7200)
    assert office.lets_in(old["secret"])
    assert office.lets_in(new["secret"])
    listed = {each["id"]: each for each in who.at.get("/tokens").json()["items"]}
    assert listed[old["id"]]["expires_at"] < new["expires_at"]
    last = made(who.at.post(f"/tokens/{new['id']}/rotate", {"overlap": 0, "expires": None}))
    assert not office.lets_in(new["secret"])
    assert office.lets_in(last["secret"])
    assert last["expires_at"] is None


def test_only_users_have_tokens(office: Office) -> None:
    robot = made(office.admin.at.post("/robots", {"name": fresh("robot")}))
    at = office.bearing(robot["secret"])
    problem(at.post("/tokens", {"name": "mine"}), 403)
    problem(at.post("/session", {}), 403)
    assert at.get("/tokens").json() == {"items": [], "next": None}
    number = robot["secrets"][0]["id"]
    problem(office.admin.at.post(f"/tokens/{number}/rotate", {}), 404)
    problem(office.admin.at.delete(f"/tokens/{number}"), 404)
    assert office.lets_in(robot["secret"])


@pytest.mark.parametrize(("method", "below"), [("DELETE", ""), ("POST", "/rotate")])
def test_someone_elses_token_is_as_none_at_all(office: Office, method: str, below: str) -> None:
    who, theirs = office.person("owner:*"), token(office.person().at)
    told = [
        problem(
            who.at.request(method, f"/tokens/{number}{below}", json={"overlap": 0}), 404
        ).replace(str(number), "NUMBER")
        for number in (theirs["id"], 10**9)
    ]
    assert told[0] == told[1]
    assert office.lets_in(theirs["secret"])


def test_an_admin_ends_tokens_and_makes_none_for_others(office: Office) -> None:
    theirs = token(office.person().at)
    problem(office.admin.at.post(f"/tokens/{theirs['id']}/rotate", {}), 404)
    assert office.admin.at.delete(f"/tokens/{theirs['id']}").status_code == 204
    assert not office.lets_in(theirs["secret"])
    problem(office.admin.at.delete(f"/tokens/{theirs['id']}"), 404)


def test_whose_tokens_one_sees(office: Office) -> None:
    who, auditor = office.person("owner:*"), office.person("auditor:*")
    own = numbers(who.at)
    assert own == numbers(who.at, user=who.name) == numbers(auditor.at, user=who.name)
    problem(who.at.get("/tokens", user=auditor.name), 403)
    problem(who.at.get("/tokens", user=fresh("nobody")), 403)
    problem(auditor.at.get("/tokens", user=fresh("nobody")), 404)
    problem(auditor.at.delete(f"/tokens/{own[0]}"), 404)


def test_a_user_named_as_a_robot_sees_no_secrets_of_the_robot(office: Office) -> None:
    robot = made(office.admin.at.post("/robots", {"name": fresh("twin")}))
    twin = office.person(name=robot["name"])
    assert robot["secrets"][0]["id"] not in numbers(twin.at)
    at = office.bearing(robot["secret"])
    problem(at.get("/tokens", user=twin.name), 403)


def test_pages_drop_none(office: Office) -> None:
    who = office.person()
    more = [token(who.at)["id"] for _ in range(6)]
    found = [each["id"] for each in who.at.pages("/tokens", 2)]
    assert found[1:] == more
    assert found == sorted(found)


def _tokens(office: Office) -> tuple[Person, list[str]]:
    who = office.person("reader:team/*")
    return who, [token(who.at)["secret"], token(who.at, "reader:team/*")["secret"]]


def test_a_disabled_users_tokens_let_nobody_in(office: Office) -> None:
    who, secrets = _tokens(office)
    path = f"/users/{who.name}"
    assert office.admin.at.patch(path, {"disabled": True}).status_code == 200
    for secret in secrets:
        assert not office.lets_in(secret)
        assert office.bearing(secret).get("/session").status_code == 401
        form = {"grant_type": "refresh_token", "refresh_token": secret, "service": "entrepot"}
        assert office.served.client.post("/token", data=form).status_code == 401
    assert office.admin.at.patch(path, {"disabled": False}).status_code == 200
    assert all(office.lets_in(secret) for secret in secrets)


def test_with_a_user_go_their_tokens(office: Office) -> None:
    who, secrets = _tokens(office)
    assert office.admin.at.delete(f"/users/{who.name}").status_code == 204
    office.person(name=who.name)  # another one of the same name
    assert not any(office.lets_in(secret) for secret in secrets)


REFUSED: dict[str, dict[str, Any]] = {
    "no name": {},
    "an empty name": {"name": ""},
    "a long name": {"name": "x" * 101},
    "no limits at all": {"name": "a", "limits": []},
    "a role that is none": {"name": "a", "limits": [{"role": "king", "pattern": "*"}]},
    "a pattern that is none": {"name": "a", "limits": [{"role": "reader", "pattern": "A/*"}]},
    "limits that are no list": {"name": "a", "limits": {"role": "reader"}},
    "no life": {"name": "a", "expires": 0},
    "a life that is no number": {"name": "a", "expires": "NaN"},
    "a field that nobody knows": {"name": "a", "user": "admin"},
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_made(office: Office, body: dict[str, Any]) -> None:
    problem(office.admin.at.post("/tokens", body), 422)


ROTATIONS: dict[str, Any] = {
    "time that goes back": {"overlap": -1},
    "too long an overlap": {"overlap": 91 * DAY},
    "a field that nobody knows": {"name": "other"},
    "no object": [],
}


@pytest.mark.parametrize("body", ROTATIONS.values(), ids=ROTATIONS)
def test_what_cannot_be_rotated(office: Office, body: Any) -> None:
    who = office.person()
    problem(who.at.post(f"/tokens/{token(who.at)['id']}/rotate", body), 422)


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "1.5", "%00"])
def test_numbers_that_are_none(office: Office, number: str) -> None:
    problem(office.admin.at.delete(f"/tokens/{number}"), 422)
