"""Channels over the API: what a refusal tells and leaves in the audit, and whose is what."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.admin.office import At, Office, Person, fresh, made, problem
from tests.content import put_image
from tests.waiting import until


@dataclass
class Team:
    """A project with two images, one of which is in `dev`; who pushed, and who promotes."""

    office: Office
    project: str
    maintainer: Person
    digests: list[str]

    @property
    def app(self) -> str:
        return f"{self.project}/app"

    @property
    def at(self) -> At:
        return self.maintainer.at

    def promote(self, version: str, to: str, at: At | None = None, **more: Any) -> httpx.Response:
        body = {"repository": self.app, "version": version, "to": to, **more}
        return (at or self.at).post("/promotions", body)

    def gate(self, channel: str, **gates: Any) -> httpx.Response:
        where = {"scope": self.project, "channel": channel}
        return self.at.request("PATCH", "/channels/gates", params=where, json=gates)

    def audit(self, action: str) -> list[dict[str, Any]]:
        asked = {"repository": self.app, "action": action}
        found: list[dict[str, Any]] = self.office.admin.at.get("/audit", **asked).json()["items"]
        return found


@pytest.fixture
def team(office: Office) -> Team:
    project = fresh("team")
    made(office.admin.at.post("/projects", {"name": project}))
    with httpx.Client(base_url=office.served.url, auth=ADMIN.pair, timeout=30) as client:
        digests = [put_image(client, f"{project}/app", f"1.{n}.0", b"%d" % n) for n in range(2)]
    person = office.person(f"maintainer:{project}/*")
    found = Team(office, project, person, digests)
    order = {"channels": ["dev", "prod"]}
    found.at.request("PUT", "/channels", params={"scope": project}, json=order).raise_for_status()
    found.promote("1.0.0", "dev").raise_for_status()
    return found


def test_a_refusal_tells_all_and_is_written_down(team: Team) -> None:
    gates = {"approvals": 1, "reports": ["tests"], "windows": ["daily 00:00-24:00"], "skip": True}
    assert team.gate("prod", **gates).json()["gates"]["approvals"] == 1
    answer = team.promote("1.1.0", "prod", reason="now")
    assert problem(answer, 403).startswith(f"1.1.0 cannot come into {team.app}:prod: approvals: ")
    refusals = answer.json()["refusals"]
    assert [each["gate"] for each in refusals] == ["approvals", "report tests"]
    assert all(each["says"] and each["how"] and not each["passed"] for each in refusals)
    asked = {"repository": team.app, "version": "1.1.0", "to": "prod"}
    stands = team.at.get("/promotions/plan", **asked).json()
    assert (stands["passed"], stands["here"], stands["digest"]) == (False, None, team.digests[1])
    assert [each for each in stands["checks"] if not each["passed"]] == refusals
    until(lambda: team.audit("promoted")[0]["result"] == "denied")
    row = team.audit("promoted")[0]
    assert (row["reference"], row["actor"]) == ("prod", team.maintainer.subject)
    assert row["detail"] == {"refused": ["approvals", "report tests"], "version": "1.1.0"}


def test_what_is_not_given_stays_and_null_takes_away(team: Team) -> None:
    team.gate("prod", approvals=2, soak=60, only_forward=True).raise_for_status()
    gates = team.gate("prod", soak=None, keep=5).json()["gates"]
    assert (gates["approvals"], gates["soak"], gates["keep"]) == (2, 0, 5)
    assert gates["only_forward"]
    order = {"channels": ["prod", "dev"]}
    where = {"scope": team.project}
    found = team.at.request("PUT", "/channels", params=where, json=order).json()["items"]
    assert [each["name"] for each in found] == ["prod", "dev"]
    assert found[0]["gates"] == gates


def test_a_promotion_is_written_down_with_why(team: Team) -> None:
    team.promote("1.0.0", "prod", reason="fixes the login").raise_for_status()
    [row] = team.audit("promoted")[:1]
    assert (row["reference"], row["digest"], row["result"]) == ("prod", team.digests[0], "ok")
    assert row["detail"]["version"] == "1.0.0"
    [stay, *_] = team.at.get("/promotions", repository=team.app).json()["items"]
    assert (stay["reason"], stay["by"]) == ("fixes the login", team.maintainer.subject)


def test_a_writer_promotes_where_the_channel_lets_writers(team: Team) -> None:
    writer = team.office.person(f"writer:{team.project}/*")
    assert [
        each["gate"] for each in team.promote("1.1.0", "dev", writer.at).json()["refusals"]
    ] == ["role"]
    team.gate("dev", role="writer").raise_for_status()
    assert team.promote("1.1.0", "dev", writer.at).json()["moved"]
    reader = team.office.person(f"reader:{team.project}/*")
    assert "no grant lets" in problem(team.promote("1.0.0", "dev", reader.at), 403)


def test_a_project_that_is_read_only_promotes_nothing(team: Team) -> None:
    team.office.admin.at.patch(f"/projects/{team.project}", {"read_only": True}).raise_for_status()
    assert problem(team.promote("1.1.0", "dev"), 403) == f"project {team.project} is read-only"
    back = {"repository": team.app, "channel": "dev"}
    assert "read-only" in problem(team.at.post("/promotions/rollback", back), 403)


def test_a_report_is_shown_in_its_own_repository_alone(team: Team) -> None:
    outcome = {"repository": team.app, "version": "1.0.0", "name": "tests", "passed": False}
    report = made(team.at.post("/reports", {**outcome, "document": "<script>1</script>"}))
    path = f"/reports/{report['id']}/document"
    answer = team.at.get(path, repository=team.app)
    assert (answer.text, answer.headers["content-type"]) == (
        "<script>1</script>",
        "text/plain; charset=utf-8",
    )
    other = team.office.person(f"owner:{fresh('elsewhere')}/*")
    problem(other.at.get(path, repository=team.app), 404)
    with httpx.Client(base_url=team.office.served.url, auth=ADMIN.pair, timeout=30) as client:
        put_image(client, f"{team.project}/other", "1")
    told = problem(team.at.get(path, repository=f"{team.project}/other"), 404)
    assert told == f"there is no report {report['id']} in {team.project}/other"


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "a negative number": ("gates", {"approvals": -1}, "approvals"),
    "a role that approves nothing": ("gates", {"approver_role": "auditor"}, "who approves is"),
    "a window of no time": ("gates", {"windows": ["mon 9-17"]}, "is no window"),
    "a zone that is none": ("gates", {"windows": ["mon 09:00-17:00 Nowhere"]}, "no time zone"),
    "a type that is none": ("gates", {"artifacts": ["report"]}, "a type is written as"),
    "a report of a strange name": ("gates", {"reports": ["a b"]}, "a report's name has"),
    "a gate that is none": ("gates", {"moon": "full"}, "Extra inputs"),
    "a moment of no zone": ("freeze", {"until": "2030-01-01T00:00:00"}, "timezone"),
}


@pytest.mark.parametrize(("what", "body", "told"), WRONG.values(), ids=WRONG)
def test_what_is_not_valid(team: Team, what: str, body: dict[str, Any], told: str) -> None:
    method = {"gates": "PATCH", "freeze": "PUT"}[what]
    where = {"scope": team.project, "channel": "prod"}
    answer = team.at.request(method, f"/channels/{what}", params=where, json=body)
    assert told in problem(answer, 422)


def test_the_page_of_a_history_goes_on(team: Team) -> None:
    for version in ("1.1.0", "1.0.0", "1.1.0"):
        team.promote(version, "dev").raise_for_status()
    found = team.at.pages("/promotions", 2, repository=team.app, channel="dev")
    assert [each["version"] for each in found] == ["1.1.0", "1.0.0", "1.1.0", "1.0.0"]
    assert [each["kept"] for each in found] == [True, True, False, False]
    assert team.at.pages("/promotions", 2, repository=team.app, channel="prod") == []


def test_a_repository_in_use_says_so_before_it_is_deleted(team: Team) -> None:
    path = f"/repositories/{team.app}?confirm={team.app}"
    told = problem(team.at.delete(path), 409)
    assert told == (
        f"{team.app} is in the channel dev: promote another version first, or say "
        "even_if_running=true"
    )
    item = team.at.delete(f"{path}&even_if_running=true").json()["trash"]
    assert team.at.get("/channels", scope=team.app).json()["items"][0]["here"] is None
    team.at.post(f"/trash/{item}/restore", {}).raise_for_status()
    [dev, _] = team.at.get("/channels", scope=team.app).json()["items"]
    assert dev["here"]["version"] == "1.0.0"
