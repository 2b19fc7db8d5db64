"""Clusters over the API: who reports, what is kept then, who sees it, and how it is forgotten."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.admin.office import Office, Person, at_once, fresh, problem
from tests.admin.test_trash import Team
from tests.content import digest, dump, image, index, put_manifest

HOST = "registry.test:5000"


@pytest.fixture
def team(office: Office) -> Iterator[Team]:
    team = Team(office)
    yield team
    team.http.close()


class Cluster:
    """A cluster, and who reports for it."""

    def __init__(self, office: Office) -> None:
        self.name = fresh("cluster")
        self.reporter = office.person("reporter:*")

    def put(self, *images: dict[str, Any], hosts: tuple[str, ...] = (HOST,)) -> httpx.Response:
        document = {"hosts": hosts, "images": images}
        return self.reporter.at.put(f"/clusters/{self.name}/images", document)

    def runs(self, *images: dict[str, Any]) -> None:
        self.put(*images).raise_for_status()


@pytest.fixture
def cluster(office: Office) -> Cluster:
    return Cluster(office)


def entry(repository: str, tag: str = "1", **more: Any) -> dict[str, Any]:
    return {
        "namespace": "team-a",
        "kind": "Deployment",
        "workload": "web",
        "container": "main",
        "image": f"{HOST}/{repository}:{tag}",
        "host": HOST,
        "repository": repository,
        "tag": tag,
        **more,
    }


def listed(who: Person, cluster: Cluster, **wanted: Any) -> list[Any]:
    return who.at.pages("/images", 2, cluster=cluster.name, **wanted)


def test_what_the_list_says(team: Team, cluster: Cluster) -> None:
    found = team.push("1", b"layer")
    old = f"sha256:{'0' * 64}"
    team.push("1.0.0", b"layer")
    team.push("1.1.0", b"other")
    rows = [
        entry(team.app, "1", digest=found),
        entry(team.app, "1", digest=old, container="old"),
        entry(team.app, "1.0.0", digest=found, pinned=True, container="pinned"),
        entry(team.app, "none", container="none", state="rollback"),
        entry("library/x", host="docker.io", container="foreign"),
    ]
    answer = cluster.put(*rows)
    assert answer.status_code == 200, answer.text
    assert answer.json()["images"] == 5
    assert answer.json()["reported_by"] == cluster.reporter.subject
    seen = {each["container"]: each for each in listed(team.office.admin, cluster)}
    said = {name: (each["marks"], each["newer"]) for name, each in seen.items()}
    assert said == {
        "main": (["unpinned"], None),
        "old": (["missing", "unpinned", "newer"], "1"),
        "pinned": (["newer"], "1.1.0"),
        "none": (["missing", "unpinned", "rollback"], None),
        "foreign": (["unpinned", "foreign"], None),
    }
    assert seen["foreign"]["repository"] is None
    assert seen["main"] | {"id": 0, "first_seen": "", "last_seen": ""} == {
        "id": 0,
        "cluster": cluster.name,
        "namespace": "team-a",
        "kind": "Deployment",
        "workload": "web",
        "container": "main",
        "image": f"{HOST}/{team.app}:1",
        "repository": team.app,
        "tag": "1",
        "digest": found,
        "state": "running",
        "marks": ["unpinned"],
        "newer": None,
        "first_seen": "",
        "last_seen": "",
        "kept_until": None,
    }


def test_what_has_left_is_listed_where_asked_for(team: Team, cluster: Cluster) -> None:
    cluster.runs(entry(team.app), entry(team.app, container="other"))
    cluster.runs(entry(team.app))
    assert [each["container"] for each in listed(team.office.admin, cluster)] == ["main"]
    [other] = [
        each
        for each in listed(team.office.admin, cluster, past=True)
        if each["container"] == "other"
    ]
    assert other["kept_until"] > other["last_seen"] >= other["first_seen"]


def test_whoever_may_pull_sees_it(team: Team, cluster: Cluster, office: Office) -> None:
    other = Team(office)
    cluster.runs(
        entry(team.app), entry(other.app), entry("library/x", host="docker.io", container="x")
    )
    stranger, auditor = office.person(), office.person("auditor:*")
    seen = {
        who: {each["repository"] for each in listed(person, cluster)}
        for who, person in {
            "owner": team.owner,
            "stranger": stranger,
            "auditor": auditor,
            "reporter": cluster.reporter,
        }.items()
    }
    assert seen == {
        "owner": {team.app},
        "stranger": set(),
        "auditor": {team.app, other.app, None},
        "reporter": set(),
    }
    own = team.owner.at.get("/clusters").json()["items"]
    assert [(each["name"], each["images"], each["reported_by"]) for each in own] == [
        (cluster.name, 1, None)
    ]
    assert stranger.at.get("/clusters").json()["items"] == []
    everything = auditor.at.get("/clusters").json()["items"]
    [known] = [each for each in everything if each["name"] == cluster.name]
    assert (known["images"], known["reported_by"]) == (3, cluster.reporter.subject)
    uses = f"/images/uses?repository={team.app}"
    assert len(team.owner.at.get(uses).json()["items"]) == 0, "nothing is there to be kept"
    problem(stranger.at.get(uses), 404)


@pytest.mark.parametrize("how", ["named", "asked", "with the port of https"])
def test_under_which_names_it_is_known(team: Team, cluster: Cluster, how: str) -> None:
    hosts = {
        "named": ("elsewhere.test", ("elsewhere.test",)),
        "asked": (team.office.served.url.partition("://")[2], ()),
        "with the port of https": ("Elsewhere.test:443", ("elsewhere.test",)),
    }
    host, known = hosts[how]
    cluster.put(entry(team.app, host=host), entry(team.app, host="no.test"), hosts=known)
    [row] = listed(team.office.admin, cluster)
    assert row["repository"] is None, "the same entry twice: the last one counts"
    cluster.put(entry(team.app, host=host), hosts=known)
    [row] = listed(team.office.admin, cluster)
    assert row["repository"] == team.app


WRONG: dict[str, tuple[Any, str]] = {
    "no list": ({"images": {}}, "images"),
    "no container": ({"images": [{"namespace": "x"}]}, "images.0.kind"),
    "a digest that is none": (
        {"images": [entry("team/app", digest="sha256:abc")]},
        "images.0.digest",
    ),
    "a state that is none": ({"images": [entry("team/app", state="gone")]}, "images.0.state"),
    "a sign that is none": ({"images": [entry("team/app", tag="\x00")]}, "images.0.tag"),
    "too much said": ({"images": [entry("team/app", why="x")]}, "images.0.why"),
    "all of it wrong": ({"images": [{}] * 1000}, "images.0.namespace"),
}


@pytest.mark.parametrize(("document", "where"), WRONG.values(), ids=WRONG)
def test_what_is_not_valid(cluster: Cluster, document: Any, where: str) -> None:
    answer = cluster.reporter.at.put(f"/clusters/{cluster.name}/images", document)
    assert where in problem(answer, 422)
    assert len(answer.json()["errors"]) <= 10
    assert listed_clusters(cluster) == []


def listed_clusters(cluster: Cluster) -> list[str]:
    found = cluster.reporter.at.get("/clusters").json()["items"]
    return [each["name"] for each in found]


def test_a_report_may_be_large_and_not_endless(team: Team, cluster: Cluster) -> None:
    many = [entry(team.app, workload=f"web-{number}") for number in range(10_000)]
    assert cluster.put(*many).json()["images"] == 10_000
    path = f"/api/v1/clusters/{cluster.name}/images"
    given = {"authorization": cluster.reporter.at.authorization}
    endless = b'{"images": [' + b" " * (33 * 1024 * 1024) + b"]}"
    client = team.office.served.client
    assert client.put(path, content=endless, headers=given).status_code == 413
    none = client.put(path, content=endless[: 2 * 1024 * 1024])
    assert none.status_code == 401, "nobody's report is not even read"


def test_who_reports_first_has_the_name(team: Team, cluster: Cluster, office: Office) -> None:
    cluster.runs(entry(team.app))
    other = Cluster(office)
    other.name = cluster.name
    said = problem(other.put(), 409)
    assert said.startswith(f"{cluster.reporter.subject} reports for a cluster {cluster.name}")
    assert f"entrepot kube forget {cluster.name}" in said
    assert len(listed(office.admin, cluster)) == 1
    assert office.admin.at.delete(f"/clusters/{cluster.name}").status_code == 204
    problem(office.admin.at.delete(f"/clusters/{cluster.name}"), 404)
    assert listed(office.admin, cluster, past=True) == []
    assert other.put().status_code == 200
    rows = office.admin.at.pages("/audit", 100, action="cluster forget")
    assert cluster.name in rows[0]["reference"]


def test_reports_at_once(team: Team, cluster: Cluster) -> None:
    """Each is whole: what stands in the end is one of them."""
    reports = [[entry(team.app, container=f"c{k}-{n}") for n in range(20)] for k in range(4)]
    answers = at_once(*[lambda rows=rows: cluster.put(*rows) for rows in reports])
    assert {answer.status_code for answer in answers} == {200}
    names = {each["container"] for each in listed(team.office.admin, cluster)}
    assert names in [{row["container"] for row in rows} for rows in reports]


def test_deleting_asks_first(team: Team, cluster: Cluster, office: Office) -> None:
    found = team.push("1", b"layer")
    team.push("2", b"other")
    cluster.runs(entry(team.app, "1", digest=found))
    says = f"{team.app}:1 runs in {cluster.name}: team-a/Deployment/web: "
    tag = f"/tags?repository={team.app}&tag=1"
    answer = team.owner.at.delete(tag)
    assert problem(answer, 409) == f"{says}stop it there first, or say even_if_running=true"
    assert answer.json()["runs"] == [f"runs in {cluster.name}: team-a/Deployment/web"]
    whole = f"/repositories/{team.app}?confirm={team.app}"
    assert "even_if_running=true" in problem(team.owner.at.delete(whole), 409)
    for path, how in {
        "manifests/1": f"entrepot tag delete {team.app} 1 --even-if-running",
        f"manifests/{found}": "ask for the same address with ?even_if_running=true",
    }.items():
        denied = team.http.delete(f"/v2/{team.app}/{path}")
        assert denied.status_code == 403
        [error] = denied.json()["errors"]
        assert error["code"] == "DENIED"
        assert f"runs in {cluster.name}" in error["message"]
        assert error["message"].endswith(how if "tag" not in how else f"say so: {how}")
    assert team.owner.at.delete(f"/tags?repository={team.app}&tag=2").status_code == 200
    forced = team.http.delete(f"/v2/{team.app}/manifests/{found}?even_if_running=true")
    assert forced.status_code == 202
    [item] = [each for each in team.trash() if each["kind"] == "manifest"]
    assert "even_if_running" in problem(team.owner.at.delete(f"/trash/{item['id']}"), 409)
    assert team.restore(item["id"]).status_code == 200
    assert team.owner.at.delete(f"{tag}&even_if_running=true").status_code == 200
    assert team.owner.at.delete(f"{whole}&even_if_running=true").status_code == 200
    [gone, *_] = team.trash()
    forced = team.owner.at.delete(f"/trash/{gone['id']}?even_if_running=true")
    assert forced.status_code == 204


def test_who_keeps_it(team: Team, cluster: Cluster) -> None:
    child = image(b"layer")
    team.push("amd64", b"layer")
    put_manifest(team.http, team.app, "1", index(child))
    whole = digest(dump(index(child)))
    cluster.runs(entry(team.app, "1"))
    below = digest(dump(child))
    for reference in ("1", "", below, whole, "amd64"):
        path = f"/images/uses?repository={team.app}&reference={reference}"
        [use] = team.owner.at.get(path).json()["items"]
        assert use["words"] == f"runs in {cluster.name}: team-a/Deployment/web"
    assert team.owner.at.get(f"/images/uses?repository={team.app}&reference=2").json() == {
        "items": [],
        "next": None,
    }
    problem(team.owner.at.get(f"/images/uses?repository={team.app}&reference=!"), 422)


def test_a_reader_pins_nothing(team: Team, office: Office, cluster: Cluster) -> None:
    for role in ("reader:*", "owner:*", "creator:*", "auditor:*"):
        cluster.reporter = office.person(role)
        problem(cluster.put(entry(team.app)), 403)
    problem(
        office.admin.at.post(
            "/grants", {"subject": "user:x", "role": "reporter", "pattern": "team/*"}
        ),
        422,
    )
