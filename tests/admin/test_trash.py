"""The trash, repositories, tags and quotas over the API: deleted, listed, restored, purged."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.admin.office import Office, fresh, problem
from tests.content import EMPTY, digest, dump, image, put_blob, put_image, put_manifest


class Team:
    """A project of its own, with an owner who pushes."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.project = fresh("project")
        self.app = f"{self.project}/app"
        self.owner = office.person(f"owner:{self.project}/*")
        office.admin.at.post("/projects", {"name": self.project}).raise_for_status()
        self.http = httpx.Client(
            base_url=office.served.url, auth=(self.owner.name, self.owner.token), timeout=30
        )

    def push(self, tag: str, *layers: bytes, repository: str = "") -> str:
        return put_image(self.http, repository or self.app, tag, *layers)

    def pulls(self, reference: str, repository: str = "") -> str | None:
        answer = self.http.head(f"/v2/{repository or self.app}/manifests/{reference}")
        assert answer.status_code in (200, 404)
        found: str | None = answer.headers.get("docker-content-digest")
        return found

    def delete(self, reference: str) -> None:
        path = f"/v2/{self.app}/manifests/{reference}"
        assert self.http.delete(path).status_code == 202

    def trash(self, **parameters: Any) -> list[Any]:
        return self.owner.at.pages("/trash", 2, repository=self.app, **parameters)

    def restore(self, number: int, **how: Any) -> httpx.Response:
        return self.owner.at.post(f"/trash/{number}/restore", how or None)


@pytest.fixture
def team(office: Office) -> Any:
    team = Team(office)
    yield team
    team.http.close()


def test_what_the_list_says(team: Team) -> None:
    found = team.push("1", b"layer")
    for tag in "23":
        put_manifest(team.http, team.app, tag, image(b"layer"))
    team.delete("2")
    team.delete(found)
    manifest, tag = team.trash()
    size = len(dump(image(b"layer"))) + len(EMPTY) + len(b"layer")
    now = datetime.now(UTC)
    for each in (manifest, tag):
        deleted, until = (datetime.fromisoformat(each.pop(k)) for k in ("deleted_at", "until"))
        assert now - timedelta(minutes=1) < deleted <= now
        assert until - deleted == timedelta(days=14)
    common = {"repository": team.app, "digest": found, "why": "", "deleted_by": team.owner.subject}
    assert tag == common | {
        "id": tag["id"],
        "kind": "tag",
        "reference": "2",
        "manifests": 0,
        "tags": ["2"],
        "tag_count": 1,
        "size": 0,
    }
    assert manifest == common | {
        "id": manifest["id"],
        "kind": "manifest",
        "reference": found,
        "manifests": 1,
        "tags": ["1", "3"],
        "tag_count": 2,
        "size": size,
    }
    assert team.owner.at.get(f"/trash/{tag['id']}").json()["reference"] == "2"


def test_a_manifest_is_restored_and_pulled_again(team: Team) -> None:
    """What lies ready in a process's memory follows."""
    found = team.push("1")
    assert team.pulls("1") == team.pulls(found) == found
    team.delete(found)
    assert (team.pulls("1"), team.pulls(found)) == (None, None)
    [item] = team.trash()
    answer = team.restore(item["id"])
    assert answer.json() == {
        "repository": team.app,
        "manifests": 1,
        "tags": 1,
        "kept": [],
        "lost": [],
    }
    assert team.pulls("1") == team.pulls(found) == found
    assert team.trash() == []
    problem(team.restore(item["id"]), 404)


def test_a_tag_that_moved_on_moves_back_on_request_alone(team: Team) -> None:
    old = team.push("1", b"old")
    team.delete("1")
    new = team.push("1", b"new")
    [item] = team.trash()
    answer = team.restore(item["id"])
    assert answer.json()["kept"] == [{"tag": "1", "here": new, "trashed": old}]
    assert team.pulls("1") == new
    team.delete("1")
    newest = team.push("1", b"newest")
    [item] = team.trash()
    assert team.restore(item["id"], move=True).json()["tags"] == 1
    assert team.pulls("1") == new != newest


def test_a_read_only_project_shows_its_trash_and_restores_nothing(team: Team) -> None:
    team.push("1")
    team.delete("1")
    [item] = team.trash()
    at = team.office.admin.at
    at.patch(f"/projects/{team.project}", {"read_only": True}).raise_for_status()
    refused = problem(team.restore(item["id"]), 403)
    assert refused == f"project {team.project} is read-only"
    assert team.trash() == [item]
    at.patch(f"/projects/{team.project}", {"read_only": False}).raise_for_status()
    assert team.restore(item["id"]).status_code == 200


def test_a_repository_is_named_twice_to_be_deleted(team: Team) -> None:
    found = team.push("1")
    path = f"/repositories/{team.app}"
    shown = team.owner.at.get(path).json()
    assert (shown["tags"], shown["manifests"]) == (1, 1)
    assert shown["size"] == len(dump(image())) + len(EMPTY)
    for confirm in ("", "?confirm=other", f"?confirm={team.app}/"):
        told = problem(team.owner.at.delete(f"{path}{confirm}"), 409)
        assert told == (
            f"{team.app} has 1 tags and 1 manifests: to delete them all, say confirm={team.app}"
        )
    names = team.owner.at.pages("/repositories", 1)
    assert names == [{"name": team.app}]
    gone = team.owner.at.delete(f"{path}?confirm={team.app}").json()
    assert team.pulls("1") is None
    assert team.http.get(f"/v2/{team.app}/tags/list").status_code == 404
    assert team.http.head(f"/v2/{team.app}/blobs/{digest(EMPTY)}").status_code == 404
    assert team.owner.at.pages("/repositories", 1) == []
    problem(team.owner.at.get(path), 404)
    assert [item["id"] for item in team.trash()] == [gone["trash"]]
    team.restore(gone["trash"]).raise_for_status()
    assert team.pulls("1") == found
    assert team.http.head(f"/v2/{team.app}/blobs/{digest(EMPTY)}").status_code == 200


def test_tags_are_listed_with_what_they_point_to(team: Team) -> None:
    found = [team.push(tag, tag.encode()) for tag in "abc"]
    rows = team.owner.at.pages("/tags", 2, repository=team.app)
    assert [(row["name"], row["digest"]) for row in rows] == list(zip("abc", found, strict=True))
    for row in rows:
        assert datetime.now(UTC) - datetime.fromisoformat(row["pushed_at"]) < timedelta(minutes=1)
        assert row["size"] == len(dump(image(row["name"].encode())))
    problem(team.owner.at.get("/tags", repository=f"{team.app}/none"), 404)


def test_a_tag_is_deleted(team: Team) -> None:
    found = team.push("1")
    where = f"/tags?repository={team.app}&tag="
    gone = team.owner.at.delete(f"{where}1").json()
    assert (team.pulls("1"), team.pulls(found)) == (None, found)
    assert [item["id"] for item in team.trash()] == [gone["trash"]]
    problem(team.owner.at.delete(f"{where}1"), 404)
    problem(team.owner.at.delete(f"{where}-1"), 422)


def test_what_is_purged_is_gone(team: Team) -> None:
    found = team.push("1", b"a layer of this test alone")
    quota = f"/quotas/{team.project}"
    before = team.owner.at.get(quota).json()
    team.delete(found)
    assert team.owner.at.get(quota).json()["bytes"] == before["bytes"]
    [item] = team.trash()
    assert team.owner.at.delete(f"/trash/{item['id']}").status_code == 204
    problem(team.owner.at.delete(f"/trash/{item['id']}"), 404)
    problem(team.restore(item["id"]), 404)
    after = team.owner.at.get(quota).json()
    assert before["bytes"] - after["bytes"] == len(dump(image(b"a layer of this test alone")))
    asked = {"repository": team.app, "action": "trash purge"}
    [entry] = team.owner.at.get("/audit", **asked).json()["items"]
    assert (entry["actor"], entry["reference"]) == (team.owner.subject, found)


def test_the_audit_says_what_was_deleted_and_restored(team: Team) -> None:
    team.push("1")
    team.owner.at.delete(f"/repositories/{team.app}?confirm={team.app}").raise_for_status()
    [item] = team.trash()
    team.restore(item["id"]).raise_for_status()
    entries = team.owner.at.get("/audit", repository=team.app, limit=2).json()["items"]
    assert [(entry["action"], entry["actor"]) for entry in entries] == [
        ("restored", team.owner.subject),
        ("repository deleted", team.owner.subject),
    ]


def test_only_an_admin_sets_quotas(team: Team) -> None:
    at, admin = team.owner.at, team.office.admin.at
    for answer in (
        at.put(f"/quotas/{team.project}", {"bytes": 10}),
        at.patch(f"/projects/{team.project}", {"quota": 10}),
        at.patch(f"/projects/{team.project}", {"quota": None}),
    ):
        problem(answer, 403)
    assert admin.put(f"/quotas/{team.project}", {"bytes": 1000, "tags": 4}).json() == {
        "project": team.project,
        "bytes": 0,
        "bytes_quota": 1000,
        "bytes_percent": 0.0,
        "tags": 0,
        "tags_quota": 4,
        "tags_percent": 0.0,
    }
    team.push("1")
    found = admin.put(f"/quotas/{team.project}", {"bytes": None}).json()
    assert (found["bytes_quota"], found["tags_percent"]) == (None, 25.0)
    assert at.get(f"/quotas/{team.project}").json() in at.pages("/quotas", 2)
    problem(at.get(f"/quotas/{fresh('nowhere')}"), 404)


def test_a_push_that_does_not_fit_is_told_why(team: Team) -> None:
    team.push("1", b"1234567890")
    path = f"/quotas/{team.project}"
    used = team.owner.at.get(path).json()["bytes"]
    team.office.admin.at.put(path, {"bytes": used + 5}).raise_for_status()
    answer = team.http.post(
        f"/v2/{team.app}/blobs/uploads/",
        params={"digest": digest(b"123456")},
        content=b"123456",
    )
    assert answer.status_code == 403
    [error] = answer.json()["errors"]
    assert error["code"] == "DENIED"
    assert error["detail"] == {"used": used, "quota": used + 5, "needed": 6}
    put_blob(team.http, team.app, b"12345")
    put_blob(team.http, f"{team.project}/other", b"1234567890")
    assert team.owner.at.get(path).json()["bytes_percent"] == 100.0
