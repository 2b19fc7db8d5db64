"""History, resolve and rollback over the API, with pushes over HTTP."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.admin.office import Office, Person, at_once, fresh, problem
from tests.content import OCI_MANIFEST, dump, image, put_image


class Team:
    """A project of its own, whose tag `prod` was A, and is B."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.project = fresh("project")
        self.app = f"{self.project}/app"
        office.admin.at.post("/projects", {"name": self.project}).raise_for_status()
        self.owner = self.person("owner")
        self.http = httpx.Client(
            base_url=office.served.url, auth=(self.owner.name, self.owner.token), timeout=30
        )
        self.a = self.push(b"a")
        self.b = self.push(b"b")

    def person(self, role: str) -> Person:
        return self.office.person(f"{role}:{self.project}/*")

    def push(self, *layers: bytes, tag: str = "prod") -> str:
        return put_image(self.http, self.app, tag, *layers)

    @property
    def where(self) -> dict[str, str]:
        return {"repository": self.app, "tag": "prod"}

    def history(self) -> list[Any]:
        return self.owner.at.pages("/tags/history", 2, **self.where)

    def resolve(self, **more: str) -> httpx.Response:
        return self.owner.at.get("/tags/resolve", **self.where, **more)

    def rollback(self, person: Person | None = None, **how: Any) -> httpx.Response:
        at = (person or self.owner).at
        return at.request("POST", "/tags/rollback", params=self.where, json=how)

    def pulls(self, reference: str = "prod") -> str | None:
        answer = self.http.head(f"/v2/{self.app}/manifests/{reference}")
        found: str | None = answer.headers.get("docker-content-digest")
        return found


@pytest.fixture
def team(office: Office) -> Iterator[Team]:
    team = Team(office)
    yield team
    team.http.close()


def test_the_history_says_what_when_who_and_why(team: Team) -> None:
    headers = {b"content-type": OCI_MANIFEST.encode(), b"entrepot-reason": "büild 17".encode()}
    again = team.http.put(
        f"/v2/{team.app}/manifests/prod",
        content=dump(image(b"a")),
        headers=headers,
    )
    assert again.status_code == 201
    newest, second, first = team.history()
    assert datetime.now(UTC) - datetime.fromisoformat(newest.pop("at")) < timedelta(minutes=1)
    assert newest == {
        "number": newest["number"],
        "by": team.owner.subject,
        "kind": "tagged",
        "old": team.b,
        "new": team.a,
        "reason": "büild 17",
    }
    assert (second["old"], second["new"], second["reason"]) == (team.a, team.b, "")
    assert (first["old"], first["new"]) == (None, team.a)
    assert newest["number"] > second["number"] > first["number"]
    [row] = team.owner.at.get("/audit", repository=team.app, limit=1).json()["items"]
    assert row["detail"] == {"old": team.b, "why": "büild 17"}


@pytest.mark.parametrize("reason", [b"x" * 501, b"two\tparts", b"\xff", b"\xe2\x80\xae"], ids=repr)
def test_a_reason_that_is_none_is_refused(team: Team, reason: bytes) -> None:
    answer = team.http.put(
        f"/v2/{team.app}/manifests/prod",
        content=dump(image(b"a")),
        headers={b"content-type": OCI_MANIFEST.encode(), b"entrepot-reason": reason},
    )
    assert answer.status_code == 400
    assert "Entrepot-Reason: write at most 500" in answer.text
    assert team.pulls() == team.b


def test_a_deleted_tag_keeps_its_history(team: Team) -> None:
    asked = team.where | {"reason": "not used"}
    assert team.owner.at.request("DELETE", "/tags", params=asked).status_code == 200
    assert [each["kind"] for each in team.history()] == ["untagged", "tagged", "tagged"]
    assert team.history()[0]["reason"] == "not used"
    assert "is no tag prod" in problem(team.resolve(), 404)
    assert team.rollback().json()["old"] is None
    assert team.pulls() == team.b


def test_a_delete_by_a_client_says_why(team: Team) -> None:
    path = f"/v2/{team.app}/manifests/prod"
    assert team.http.delete(path, headers={"entrepot-reason": "old"}).status_code == 202
    assert team.history()[0]["reason"] == "old"


def test_a_tag_that_never_was(team: Team) -> None:
    answer = team.owner.at.get("/tags/history", repository=team.app, tag="none")
    assert "never was a tag none" in problem(answer, 404)
    answer = team.owner.at.get("/tags/history", repository=team.app, tag="a b")
    assert "invalid tag" in problem(answer, 422)


def test_what_a_tag_was_as_of_a_time(team: Team) -> None:
    newest, first = team.history()
    found = team.resolve().json()
    for key in ("at", "since"):
        assert time.time() - datetime.fromisoformat(found.pop(key)).timestamp() < 60
    assert found == team.where | {
        "digest": team.b,
        "pull": f"{team.app}@{team.b}",
        "by": team.owner.subject,
        "reason": "",
        "move": newest["number"],
        "state": "here",
        "trash": None,
        "until": None,
    }
    assert team.resolve(at=first["at"]).json()["digest"] == team.a
    assert team.resolve(at=newest["at"]).json()["digest"] == team.b
    assert team.resolve(at="2100-01-01").json()["digest"] == team.b
    said = problem(team.resolve(at="2026-11-01"), 404)
    assert said == f"there was no tag prod in {team.app} at 2026-11-01 00:00 UTC"
    for wrong in ("yesterday", "0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00"):
        problem(team.resolve(at=wrong), 422)


def test_where_an_earlier_manifest_is(team: Team) -> None:
    first = team.history()[-1]
    assert team.http.delete(f"/v2/{team.app}/manifests/{team.a}").status_code == 202
    found = team.resolve(at=first["at"]).json()
    assert (found["state"], found["digest"]) == ("trash", team.a)
    said = problem(team.rollback(), 409)
    assert said == (
        f"{team.app}@{team.a} lies in the trash: entrepot trash restore {found['trash']}"
    )
    assert team.owner.at.post(f"/trash/{found['trash']}/restore", None).status_code == 200
    assert team.resolve(at=first["at"]).json()["state"] == "here"
    assert team.rollback().json()["new"] == team.a


def test_rollback_is_a_move_with_its_reason(team: Team) -> None:
    newest, first = team.history()
    found = team.rollback(dry_run=True).json()
    assert (found["move"], team.pulls()) == (None, team.b)
    assert team.history() == [newest, first]
    found = team.rollback(to=first["number"], expected=team.b, reason="errors").json()
    made = team.history()[0]
    assert found == team.where | {"old": team.b, "new": team.a, "to": first, "move": made}
    assert (made["reason"], made["old"], made["new"]) == ("errors", team.b, team.a)
    assert team.pulls() == team.a
    assert newest["number"] < made["number"]
    [row] = team.owner.at.get("/audit", repository=team.app, limit=1).json()["items"]
    assert (row["action"], row["reference"]) == ("tagged", "prod")
    assert row["detail"]["why"] == "errors"


def test_what_moved_meanwhile_is_told(team: Team) -> None:
    c = team.push(b"c")
    assert f"points to {c}: look again" in problem(team.rollback(expected=team.b), 409)
    assert team.pulls() == c


def test_of_two_rollbacks_one_is_told(team: Team) -> None:
    first = team.history()[-1]["number"]
    answers = at_once(*[lambda: team.rollback(to=first, expected=team.b)] * 2)
    assert sorted(each.status_code for each in answers) == [200, 409]
    assert len(team.history()) == 3
    assert team.pulls() == team.a


@pytest.mark.parametrize(
    ("role", "history", "rollback"),
    [("reader", 200, 403), ("writer", 200, 403), ("maintainer", 200, 200)],
)
def test_who_may(team: Team, role: str, history: int, rollback: int) -> None:
    person = team.person(role)
    assert person.at.get("/tags/history", **team.where).status_code == history
    assert person.at.get("/tags/resolve", **team.where).status_code == history
    assert team.rollback(person).status_code == rollback
    assert team.pulls() == (team.a if rollback == 200 else team.b)


def test_who_may_not_see_it_is_told_that_there_is_nothing(team: Team, office: Office) -> None:
    stranger = office.person()
    for path in ("/tags/history", "/tags/resolve"):
        answer = stranger.at.get(path, **team.where)
        assert problem(answer, 404).startswith(f"there is no repository {team.app}, or")
    assert problem(team.rollback(stranger), 404).startswith("there is no repository")


def test_an_immutable_tag_is_not_rolled_back(team: Team) -> None:
    path = f"/projects/{team.project}"
    assert team.owner.at.patch(path, {"immutable": ["prod"]}).status_code == 200
    assert "immutable" in problem(team.rollback(dry_run=True), 403)
    assert "immutable" in problem(team.rollback(), 403)
    assert team.pulls() == team.b


def test_of_a_repository_made_again_the_history_goes_on(team: Team) -> None:
    first = team.history()[-1]["number"]
    gone = team.owner.at.delete(f"/repositories/{team.app}?confirm={team.app}").json()["trash"]
    assert team.history()[0]["kind"] == "repository deleted"
    assert f"entrepot trash restore {gone}" in problem(team.rollback(to=first), 409)
    c = team.push(b"c")
    assert [(each["old"], each["new"]) for each in team.history()] == [
        (None, c),
        (team.b, None),
        (team.a, team.b),
        (None, team.a),
    ]


@pytest.mark.parametrize(
    "how",
    [{"to": -1}, {"to": 2**63}, {"reason": "x" * 501}, {"reason": "a\nb"}, {"too": 1}],
    ids=str,
)
def test_what_is_refused(team: Team, how: dict[str, Any]) -> None:
    problem(team.rollback(**how), 422)
    assert team.pulls() == team.b
