"""What differs between two images, over the API, with all of it pushed over HTTP."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.admin.office import Office, fresh, problem
from tests.content import (
    EMPTY,
    descriptor,
    dump,
    image,
    index,
    put_blob,
    put_image,
    put_manifest,
)

SPDX = "application/spdx+json"
CYCLONEDX = "application/vnd.cyclonedx+json"


class Team:
    """A project of its own, and who pushes there."""

    def __init__(self, office: Office) -> None:
        self.app = f"{fresh('differs')}/app"
        self.owner = office.person(f"owner:{self.app.partition('/')[0]}/*")
        office.admin.at.post("/projects", {"name": self.app.partition("/")[0]}).raise_for_status()
        self.http = httpx.Client(
            base_url=office.served.url, auth=(self.owner.name, self.owner.token), timeout=30
        )

    def push(self, tag: str, *layers: bytes, **config: Any) -> str:
        return put_image(self.http, self.app, tag, *layers, config=dump(config))

    def attach(self, subject: str, document: Any, kind: str = SPDX, size: int = 0) -> None:
        content = dump(document) + b" " * size
        put_blob(self.http, self.app, content)
        put_blob(self.http, self.app, EMPTY)
        stored = self.http.get(f"/v2/{self.app}/manifests/{subject}")
        artifact = {
            **image(),
            "artifactType": kind,
            "layers": [descriptor(content, kind)],
            "subject": descriptor(stored.content, stored.headers["content-type"]),
        }
        put_manifest(self.http, self.app, descriptor(dump(artifact))["digest"], artifact)

    def diff(self, old: str, new: str, **more: str) -> httpx.Response:
        return self.owner.at.get("/tags/diff", repository=self.app, old=old, new=new, **more)


@pytest.fixture
def team(office: Office) -> Iterator[Team]:
    team = Team(office)
    yield team
    team.http.close()


def change(name: str, old: str | None, new: str | None) -> dict[str, str | None]:
    return {"name": name, "old": old, "new": new}


def packages(**found: str) -> dict[str, Any]:
    rows = [{"name": name, "versionInfo": version} for name, version in found.items()]
    return {"spdxVersion": "SPDX-2.3", "packages": rows}


def test_all_that_differs(team: Team) -> None:
    inner = {"User": "root", "Env": ["A=1", "B=2"], "Labels": {"team": "x"}}
    history = [{"created_by": "ADD base"}, {"created_by": "RUN make"}]
    large = b"large" * 10_000
    old = team.push("1", b"base", b"old", config=inner, os="linux")
    changed = {"User": "app", "Env": ["A=1", "B=3", "C=4"], "Entrypoint": ["/app"]}
    new = team.push("2", b"base", large, config=changed, os="linux", history=history)
    found = team.diff("1", "2").json()
    layer = {"digest": descriptor(large)["digest"], "size": 50_000, "made_by": "RUN make"}
    base = {"digest": descriptor(b"base")["digest"], "size": 4, "made_by": "ADD base"}
    gone = {"digest": descriptor(b"old")["digest"], "size": 3, "made_by": ""}
    sizes = {side: found[side].pop("size") for side in ("old", "new")}
    assert sizes["new"] - sizes["old"] > 49_000
    assert found == {
        "repository": team.app,
        "platform": None,
        "old": {"name": "1", "digest": old, "image": old},
        "new": {"name": "2", "digest": new, "image": new},
        "platforms": [],
        "layers": {"shared": [base], "added": [layer], "removed": [gone]},
        "configuration": [change("Entrypoint", None, '["/app"]'), change("User", "root", "app")],
        "environment": [change("B", "2", "3"), change("C", None, "4")],
        "labels": [change("team", "x", None)],
        "annotations": [],
        "packages": {"old": None, "new": None, "changes": None, "trouble": ""},
    }


def test_by_digest_and_by_what_it_was_before(team: Team) -> None:
    old, new = team.push("1", config={"User": "a"}), team.push("1", config={"User": "b"})
    for names in ((old, new), ("1~1", "1"), ("1~1", new), (old, "1~0")):
        found = team.diff(*names).json()
        assert (found["old"]["digest"], found["new"]["digest"]) == (old, new)
        assert found["configuration"] == [change("User", "a", "b")]


@pytest.mark.parametrize("kind", ["large", "small"])
def test_a_configuration_in_the_store_as_in_the_row(team: Team, kind: str) -> None:
    more = "x" * (20_000 if kind == "large" else 10)
    team.push("1", config={"Env": ["A=1"], "Labels": {"more": more}})
    team.push("2", config={"Env": ["A=2"], "Labels": {"more": more}})
    assert team.diff("1", "2").json()["environment"] == [change("A", "1", "2")]


def pushed_index(team: Team, tag: str, **platforms: bytes) -> dict[str, str]:
    """An index of images by architecture; their digests."""
    images = {name: image(layer, config=dump({"os": "linux"})) for name, layer in platforms.items()}
    put_blob(team.http, team.app, dump({"os": "linux"}))
    for name, each in images.items():
        put_blob(team.http, team.app, platforms[name])
        put_manifest(team.http, team.app, descriptor(dump(each))["digest"], each)
    listed = index(*images.values())
    for name, each in zip(images, listed["manifests"], strict=True):
        each["platform"] = {"os": "linux", "architecture": name}
    put_manifest(team.http, team.app, tag, listed)
    return {name: descriptor(dump(each))["digest"] for name, each in images.items()}


def test_of_indexes_one_platform(team: Team) -> None:
    old = pushed_index(team, "1", amd64=b"a", arm64=b"b")
    new = pushed_index(team, "2", amd64=b"a", arm64=b"c", s390x=b"d")
    found = team.diff("1", "2").json()
    assert (found["platform"], found["new"]["image"]) == ("linux/amd64", new["amd64"])
    assert found["layers"]["added"] == []
    assert found["platforms"] == [
        change("linux/arm64", old["arm64"], new["arm64"]),
        change("linux/s390x", None, new["s390x"]),
    ]
    found = team.diff("1", "2", platform="linux/arm64").json()
    assert (found["old"]["image"], found["new"]["image"]) == (old["arm64"], new["arm64"])
    assert [each["digest"] for each in found["layers"]["added"]] == [descriptor(b"c")["digest"]]
    said = problem(team.diff("1", "2", platform="linux/s390x"), 422)
    assert said.endswith("for these they are: linux/amd64, linux/arm64")
    team.push("plain", b"a")
    assert team.diff("plain", "2").json()["layers"]["shared"][0]["size"] == 1


def test_packages_of_sboms_of_two_kinds(team: Team) -> None:
    old, new = team.push("1", b"1"), team.push("2", b"2")
    team.attach(old, packages(openssl="3.0.1", zlib="1.3", curl="8.1"))
    components = [{"name": "openssl", "version": "3.0.2"}, {"name": "zlib", "version": "1.3"}]
    assert team.diff("1", "2").json()["packages"]["changes"] is None
    team.attach(new, {"bomFormat": "CycloneDX", "components": components}, CYCLONEDX)
    found = team.diff("1", "2").json()["packages"]
    assert found["changes"] == [
        change("curl", "8.1", None),
        change("openssl", "3.0.1", "3.0.2"),
    ]
    assert found["old"] != found["new"]
    team.attach(new, packages(zlib="1.4"))  # the newest counts
    assert change("zlib", "1.3", "1.4") in team.diff("1", "2").json()["packages"]["changes"]
    team.attach(new, {"it": "is none"})  # unless it cannot be read
    assert change("zlib", "1.3", "1.4") in team.diff("1", "2").json()["packages"]["changes"]


def test_an_sbom_of_the_index_and_one_that_buildkit_made(team: Team) -> None:
    statement = {"predicateType": "https://spdx.dev/Document", "predicate": packages(curl="1")}
    content = dump(statement)
    layer = descriptor(content, "application/vnd.in-toto+json")
    layer["annotations"] = {"in-toto.io/predicate-type": "https://spdx.dev/Document"}
    built = image(b"built")
    attestation = {**image(), "layers": [layer]}
    for part in (content, EMPTY, b"built"):
        put_blob(team.http, team.app, part)
    for each in (built, attestation):
        put_manifest(team.http, team.app, descriptor(dump(each))["digest"], each)
    listed = index(built, attestation)
    listed["manifests"][0]["platform"] = {"os": "linux", "architecture": "amd64"}
    of = descriptor(dump(built))["digest"]
    listed["manifests"][1]["annotations"] = {"vnd.docker.reference.digest": of}
    put_manifest(team.http, team.app, "1", listed)
    pushed_index(team, "2", amd64=b"other")
    team.attach("2", packages(curl="2"))
    found = team.diff("1", "2").json()
    assert found["packages"]["changes"] == [change("curl", "1", "2")]
    assert [each["name"] for each in found["platforms"]] == ["linux/amd64"]


def test_an_sbom_that_cannot_be_read_is_told(team: Team) -> None:
    old, new = team.push("1", b"1"), team.push("2", b"2")
    team.attach(old, packages(a="1"))
    team.attach(new, {"spdxVersion": "SPDX-3.0"})
    found = team.diff("1", "2").json()["packages"]
    assert (found["changes"], found["trouble"].partition(": ")[2]) == (
        None,
        "it is neither SPDX 2 nor CycloneDX",
    )
    team.attach(old, packages(a="1"), size=16 * 2**20)
    team.attach(new, packages(a="2"))
    assert team.diff("1", "2").json()["packages"]["changes"] == [change("a", "1", "2")]


@pytest.mark.parametrize(
    ("config", "told"),
    {
        "no JSON": (b"what?", "is not JSON"),
        "no object": (b"[1]", "is no JSON object"),
        "damaged": (dump({"config": {"Env": 7}}), "Env is no list of texts"),
        "huge": (b"{" + b" " * (4 * 2**20) + b"}", "4194304 are read at most"),
        "deep": (b"{" + b'"a":{' * 50_000, "nested too deeply"),
    }.values(),
)
def test_a_configuration_that_is_none_is_told(team: Team, config: bytes, told: str) -> None:
    team.push("good")
    put_image(team.http, team.app, "bad", config=config)
    assert told in problem(team.diff("good", "bad"), 422)


def test_texts_that_are_none_are_shown_all_the_same(team: Team) -> None:
    half = "\ud800"
    team.push("1", b"1", config={})
    history = [{"created_by": half}]
    team.push("2", b"2", config={"Env": [f"A={half}", f"{half}=1"], "User": half}, history=history)
    found = team.diff("1", "2").json()
    assert found["environment"] == [change("A", None, "?"), change("?", None, "1")]
    assert found["configuration"] == [change("User", None, "?")]
    assert found["layers"]["added"][0]["made_by"] == "?"


def test_an_artifact_is_compared_by_its_layers(team: Team) -> None:
    for tag, chart in {"1": b"old", "2": b"new"}.items():
        put_blob(team.http, team.app, b"name: app")
        put_blob(team.http, team.app, chart)
        made = image(chart, annotations={"version": tag})
        made["config"] = descriptor(b"name: app", "application/vnd.cncf.helm.config.v1+json")
        put_manifest(team.http, team.app, tag, made)
    found = team.diff("1", "2").json()
    assert [len(found["layers"][kind]) for kind in ("shared", "added", "removed")] == [0, 1, 1]
    assert found["annotations"] == [change("version", "1", "2")]


def test_what_is_not_here_is_told(team: Team) -> None:
    old = team.push("1", b"1")
    team.push("2", b"2")
    none = "sha256:" + "0" * 64
    assert problem(team.diff("1", "none"), 404) == f"{team.app}:none: there is no such tag"
    assert "it did not move so often" in problem(team.diff("1", "2~5"), 404)
    assert "at most 1000 moves" in problem(team.diff("1", "2~9999"), 404)
    assert problem(team.diff("1", none), 404) == f"{team.app}@{none} is not here"
    assert team.http.delete(f"/v2/{team.app}/manifests/{old}").status_code == 202
    assert "lies in the trash: entrepot trash restore" in problem(team.diff(old, "2"), 404)
    problem(team.diff("a b", "2"), 400)
    problem(team.diff("sha256:1", "2"), 400)


def test_who_may_not_pull_sees_nothing(team: Team, office: Office) -> None:
    team.push("1")
    answer = office.person().at.get("/tags/diff", repository=team.app, old="1", new="1")
    assert problem(answer, 404).startswith(f"there is no repository {team.app}, or")
