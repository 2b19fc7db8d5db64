"""The session: who calls, and the token that the command line keeps."""

from datetime import datetime

from tests.admin.office import PASSWORD, Office, fresh, made, problem


def someone(office: Office) -> str:
    name = fresh("user")
    made(office.admin.at.post("/users", {"name": name, "password": PASSWORD}))
    return name


def test_a_session_is_started_by_a_password_alone(office: Office) -> None:
    name = someone(office)
    started = made(office.basic(name, PASSWORD).post("/session", {"name": "here"}))
    assert started["subject"] == f"user:{name}"
    at = office.bearing(started["secret"])
    found = at.get("/session").json()
    assert (found["subject"], found["via"], found["limits"]) == (
        f"user:{name}",
        "session here",
        None,
    )
    problem(at.post("/session", {}), 403)
    problem(office.bearing(office.accounts.token(name).secret).post("/session", {}), 403)


def test_a_session_ends_in_a_month(office: Office) -> None:
    name = someone(office)
    made(office.basic(name, PASSWORD).post("/session", {}))
    [found] = office.admin.at.get("/tokens", user=name).json()["items"]
    begin, end = (datetime.fromisoformat(found[each]) for each in ("created_at", "expires_at"))
    assert round((end - begin).total_seconds()) == 30 * 24 * 3600


def test_a_newer_one_of_the_name_takes_the_place_of_the_older(office: Office) -> None:
    basic = office.basic(someone(office), PASSWORD)
    older, other, newer = (
        office.bearing(made(basic.post("/session", {"name": name}))["secret"])
        for name in ("here", "there", "here")
    )
    assert [at.get("/session").status_code for at in (older, other, newer)] == [401, 200, 200]


def test_of_too_many_the_oldest_ends(office: Office) -> None:
    basic = office.basic(someone(office), PASSWORD)
    sessions = [
        office.bearing(made(basic.post("/session", {"name": f"s{number}"}))["secret"])
        for number in range(101)
    ]
    codes = [at.get("/session").status_code for at in sessions]
    assert codes == [401] + [200] * 100


def test_it_is_for_the_api_and_no_password_of_docker(office: Office) -> None:
    name = someone(office)
    secret = made(office.basic(name, PASSWORD).post("/session", {}))["secret"]
    assert secret.startswith("entrepot_ses_")
    assert not office.lets_in(secret, name)
    form = {"grant_type": "refresh_token", "refresh_token": secret, "service": "entrepot"}
    assert office.served.client.post("/token", data=form).status_code == 401


def test_what_a_limited_token_says_of_itself(office: Office) -> None:
    who = office.person("owner:team/*")
    limited = office.accounts.token(who.name, "reader:team/app", name="narrow").secret
    found = office.bearing(limited).get("/session").json()
    assert found["via"] == "token narrow"
    assert found["limits"] == [{"role": "reader", "pattern": "team/app"}]
    assert found["grants"] == [{"role": "owner", "pattern": "team/*"}]


def test_a_registry_token_is_for_images(office: Office) -> None:
    answer = office.served.client.get("/token", auth=("x", office.admin.token))
    told = problem(office.bearing(answer.json()["token"]).get("/session"), 403)
    assert told == "a registry token is for images: use a password or a personal token"


def test_a_session_is_ended_by_itself(office: Office) -> None:
    basic = office.basic(someone(office), PASSWORD)
    at = office.bearing(made(basic.post("/session", {}))["secret"])
    assert at.delete("/session").status_code == 204
    problem(at.get("/session"), 401)
    problem(basic.delete("/session"), 409)
