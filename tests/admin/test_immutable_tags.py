"""Rules of immutability by the API: who may set, see and take away which."""

from typing import Any

import httpx
import pytest
from tests.admin.office import Office, Person, fresh, made, problem
from tests.content import put_image

PATH = "/immutable-tags"


@pytest.fixture
def team(office: Office) -> str:
    """A project of the test's own."""
    name = fresh("still")
    made(office.admin.at.post("/projects", {"name": name}))
    return name


def rule(repositories: str, kind: str = "all", tags: str = "") -> dict[str, Any]:
    return {"repositories": repositories, "kind": kind, "tags": tags}


def rule_made(who: Person, wanted: dict[str, Any]) -> dict[str, Any]:
    """A rule as lists show it."""
    found: dict[str, Any] = made(who.at.post(PATH, wanted))
    del found["stops"]
    return found


def test_a_rule_from_its_making_to_its_end(office: Office, team: str) -> None:
    who = office.person(f"maintainer:{team}/*")
    found = made(who.at.post(PATH, rule(team, "semver")))
    assert found["repositories"] == f"{team}/*"
    assert found["created_by"] == who.subject
    assert found.pop("stops") == []
    again = made(office.admin.at.post(PATH, rule(f"{team}/*", "semver")))
    assert found.items() <= again.items()
    assert who.at.get(PATH).json()["items"] == [found]
    one = f"{PATH}/{found['id']}"
    assert who.at.delete(one).status_code == 204
    assert who.at.delete(one).status_code == 404
    assert who.at.get(PATH).json()["items"] == []
    rows = office.admin.at.get("/audit", action="immutable remove", limit=1).json()["items"]
    assert rows[0]["reference"] == f"{team}/* semver"
    assert rows[0]["detail"] == {"rule": found["id"], "set_by": who.subject}


def test_it_counts_at_once_and_for_its_repositories_alone(office: Office, team: str) -> None:
    robot = office.accounts.robot(fresh("pusher"), f"owner:{team}/*")
    url = office.served.url
    with httpx.Client(base_url=url, auth=(f"robot/{robot.name}", robot.secret)) as client:
        for repository in (f"{team}/app", f"{team}/other"):
            put_image(client, repository, "v1", b"one")
        made(office.admin.at.post(PATH, rule(f"{team}/app*", "regex", "v[0-9]+")))
        put_image(client, f"{team}/other", "v1", b"two")
        with pytest.raises(
            AssertionError, match=rf"rule \d+ .* in {team}/app\*, set by user:admin"
        ):
            put_image(client, f"{team}/app", "v1", b"two")


def test_a_maintainer_of_a_part_sets_rules_for_that_part(office: Office, team: str) -> None:
    who = office.person(f"maintainer:{team}/app-*")
    mine = rule_made(who, rule(f"{team}/app-x"))
    assert "may not configure" in problem(who.at.post(PATH, rule(team)), 403)
    whole = rule_made(office.admin, rule(team))
    assert who.at.get(PATH).json()["items"] == [mine]
    seen = who.at.get(PATH, repository=f"{team}/app-x").json()["items"]
    assert seen == [mine, whole], "what counts for what they may pull is shown"
    assert "or you may not take it away" in problem(who.at.delete(f"{PATH}/{whole['id']}"), 404)
    assert who.at.delete(f"{PATH}/{mine['id']}").status_code == 204


def test_readers_see_what_counts_and_others_do_not(office: Office, team: str) -> None:
    found = rule_made(office.admin, rule(team))
    reader, stranger = office.person(f"reader:{team}/*"), office.person()
    assert reader.at.get(PATH).json()["items"] == []
    assert reader.at.get(PATH, repository=f"{team}/app").json()["items"] == [found]
    problem(stranger.at.get(PATH, repository=f"{team}/app"), 404)
    problem(stranger.at.delete(f"{PATH}/{found['id']}"), 404)


def test_the_projects_own_globs_are_rules(office: Office, team: str) -> None:
    office.admin.at.patch(f"/projects/{team}", {"immutable": ["v*"]}).raise_for_status()
    made(office.admin.at.post(PATH, rule(team, "glob", "w*")))
    assert office.admin.at.get(f"/projects/{team}").json()["immutable"] == ["v*", "w*"]
    counting = office.admin.at.get(PATH, repository=f"{team}/app").json()["items"]
    assert [each["tags"] for each in counting] == ["v*", "w*"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "everywhere": (rule("*"), "rules lie in one project"),
    "several projects": (rule("te*"), "rules lie in one project"),
    "no pattern": (rule("Team"), "is no pattern of repositories"),
    "no kind": (rule("team", "some"), "Input should be"),
    "no glob": (rule("team", "glob"), "write tags as a shell does"),
    "a broken glob": (rule("team", "glob", "v["), "write tags as a shell does"),
    "a glob of too much": (rule("team", "glob", "v" * 129), "at most 128"),
    "no expression": (rule("team", "regex"), "1 to 200 characters"),
    "a broken expression": (rule("team", "regex", "(v"), "there is no ) for a ("),
    "a back reference": (rule("team", "regex", r"(v)\1"), "means nothing here"),
    "too large an expression": (rule("team", "regex", "(v{99}){99}"), "too large"),
    "tags of a kind that has none": (rule("team", "semver", "v*"), "leave out `tags`"),
}


@pytest.mark.parametrize(("wanted", "says"), WRONG.values(), ids=WRONG)
def test_what_is_refused(office: Office, wanted: dict[str, Any], says: str) -> None:
    assert says in problem(office.admin.at.post(PATH, wanted), 422)


def test_rules_need_a_project_and_have_a_number(office: Office, team: str) -> None:
    assert "make it first" in problem(office.admin.at.post(PATH, rule("nowhere")), 404)
    for number in range(100):
        made(office.admin.at.post(PATH, rule(team, "glob", f"v{number}")))
    assert "100 rules already" in problem(office.admin.at.post(PATH, rule(team)), 409)
    made(office.admin.at.post(PATH, rule(team, "glob", "v7")))


def test_expressions_have_a_size(office: Office, team: str) -> None:
    for number in range(5):
        made(office.admin.at.post(PATH, rule(team, "regex", f"[a-z]{{99}}{number}")))
    assert "too large together" in problem(
        office.admin.at.post(PATH, rule(team, "regex", "x")), 409
    )
