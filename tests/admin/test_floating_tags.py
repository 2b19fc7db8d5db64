"""Floating tags by the API: who asks for them, what that moves, and who else may not."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.accounts import Credential
from tests.admin.office import Office, fresh, made, problem
from tests.content import dump, image, put_blob, put_image, try_manifest

PATH = "/floating-tags"
ALL = {"major": True, "minor": True, "latest": True}


@pytest.fixture
def team(office: Office) -> str:
    """A project of the test's own."""
    name = fresh("floating")
    made(office.admin.at.post("/projects", {"name": name}))
    return name


@pytest.fixture
def pusher(office: Office, team: str) -> Iterator[httpx.Client]:
    """Someone who may push, and not move."""
    robot = office.accounts.robot(fresh("pusher"), f"writer:{team}/*")
    with client_of(office, robot) as client:
        yield client


def client_of(office: Office, robot: Credential) -> httpx.Client:
    pair = (f"robot/{robot.name}", robot.secret)
    return httpx.Client(base_url=office.served.url, auth=pair, timeout=30)


def ask(office: Office, where: str, floats: dict[str, bool], **more: Any) -> Any:
    answer = office.admin.at.request("PUT", PATH, params={"pattern": where, **more}, json=floats)
    assert answer.status_code == 200, answer.text
    return answer.json()


def floats(office: Office, repository: str) -> dict[str, str]:
    """What stands for what; each points to the same."""
    tags = office.admin.at.get("/tags", repository=repository, limit=1000).json()["items"]
    digests = {tag["name"]: tag["digest"] for tag in tags}
    found = {tag["name"]: tag["floats_with"] for tag in tags if tag["floats_with"]}
    assert all(digests[tag] == digests[version] for tag, version in found.items())
    return found


def test_a_writer_pushes_and_tags_float(office: Office, team: str, pusher: httpx.Client) -> None:
    where = f"{team}/app"
    ask(office, team, ALL)
    put_image(pusher, where, "1.4.1", b"one")
    put_image(pusher, where, "1.4.2", b"two")
    assert floats(office, where) == dict.fromkeys(["1", "1.4", "latest"], "1.4.2")
    document = image(b"three")
    put_blob(pusher, where, b"three")
    answer = try_manifest(pusher, where, "1.4", dump(document), document["mediaType"])
    assert answer.status_code == 403
    [error] = answer.json()["errors"]
    assert error["message"].startswith(
        f"{where}:1.4 floats: the registry itself moves it, now to 1.4.2, as user:admin asked on "
    )
    put_image(pusher, where, "1.4", b"two")
    office.admin.at.request("DELETE", PATH, params={"pattern": team}).raise_for_status()
    assert floats(office, where) == {}
    answer = try_manifest(pusher, where, "1.4", dump(document), document["mediaType"])
    assert "takes the role maintainer" in answer.text


def test_asking_says_what_moves(office: Office, team: str, pusher: httpx.Client) -> None:
    for name in ("app", "other"):
        for tag, layer in (("1.0.0", b"one"), ("1.1.0", b"two"), ("latest", b"one")):
            put_image(pusher, f"{team}/{name}", tag, layer)
    still = {"repositories": f"{team}/other", "kind": "glob", "tags": "l*"}
    rule = made(office.admin.at.post("/immutable-tags", still))
    tried = ask(office, team, {"latest": True}, dry_run=True)
    assert tried["repositories"] == f"{team}/*"
    app, other = tried["moves"]
    assert (app["repository"], app["tag"], app["version"]) == (f"{team}/app", "latest", "1.1.0")
    assert app["held"] == ""
    assert other["held"].startswith(f"it is immutable by rule {rule['id']} (tags l* in ")
    assert floats(office, f"{team}/app") == {}
    assert ask(office, team, {"latest": True})["moves"] == tried["moves"]
    assert floats(office, f"{team}/app") == {"latest": "1.1.0"}
    assert floats(office, f"{team}/other") == {}
    put_image(pusher, f"{team}/other", "1.2.0", b"three")
    assert floats(office, f"{team}/other") == {}


def test_what_becomes_immutable_is_told(office: Office, team: str, pusher: httpx.Client) -> None:
    ask(office, team, ALL)
    put_image(pusher, f"{team}/app", "1.0.0", b"one")
    put_image(pusher, f"{team}/other", "1.0.0", b"one")
    still = {"repositories": f"{team}/app", "kind": "regex", "tags": "latest|1"}
    found = made(office.admin.at.post("/immutable-tags", still))
    assert found["stops"] == [f"{team}/app:1", f"{team}/app:latest"]


def test_whatever_moves_versions_has_them_follow(office: Office, team: str) -> None:
    where = f"{team}/app"
    ask(office, where, {"latest": True})
    owner = office.accounts.robot(fresh("owner"), f"owner:{team}/*")
    with client_of(office, owner) as client:
        put_image(client, where, "1.0.0", b"one")
        first = put_image(client, where, "1.1.0", b"two")
        put_image(client, where, "1.1.0", b"mended")
    tags = {"repository": where, "tag": "1.1.0"}
    at = office.admin.at
    at.request("POST", "/tags/rollback", params=tags).raise_for_status()
    assert floats(office, where) == {"latest": "1.1.0"}
    held = at.request("POST", "/tags/rollback", params={**tags, "tag": "latest"})
    assert "floats: the registry itself moves it" in problem(held, 403)
    item = at.request("DELETE", "/tags", params=tags).json()["trash"]
    assert floats(office, where) == {"latest": "1.0.0"}
    at.post(f"/trash/{item}/restore", {}).raise_for_status()
    assert floats(office, where) == {"latest": "1.1.0"}
    with client_of(office, owner) as client:
        assert client.delete(f"/v2/{where}/manifests/{first}").status_code == 202
        assert client.delete(f"/v2/{where}/manifests/latest").status_code == 403
    assert floats(office, where) == {"latest": "1.0.0"}


def test_retention_leaves_what_floats(office: Office, team: str, pusher: httpx.Client) -> None:
    where = f"{team}/app"
    ask(office, where, ALL)
    for number in range(3):
        put_image(pusher, where, f"1.0.{number}", b"%d" % number)
    at = office.admin.at
    rules = {"semver_patches": 1, "keep_newest": 0}
    asked = {"params": {"pattern": where}, "json": rules}
    planned = at.request("POST", "/retention/plan", **asked).json()
    kept = {fate["tag"]: fate["why"] for fate in planned["tags"] if fate["keep"]}
    assert kept["latest"] == "it floats with 1.0.2"
    at.request("PUT", "/retention", **asked).raise_for_status()
    gone = at.request("POST", "/retention/apply", params={"pattern": where}).json()
    assert gone == {"deleted": 2}
    at.request("DELETE", "/retention", params={"pattern": where}).raise_for_status()
    assert floats(office, where) == dict.fromkeys(["1", "1.0", "latest"], "1.0.2")


def test_who_sees_and_sets_which(office: Office, team: str) -> None:
    part, whole = office.person(f"maintainer:{team}/app-*"), office.person(f"maintainer:{team}/*")
    reader, stranger = office.person(f"reader:{team}/*"), office.person()

    def put(who: Any, pattern: str) -> httpx.Response:
        answer = who.at.request("PUT", PATH, params={"pattern": pattern}, json={"minor": True})
        assert isinstance(answer, httpx.Response)
        return answer

    assert put(whole, team).status_code == 200
    assert put(part, f"{team}/app-x").status_code == 200
    for who, pattern in ((part, team), (reader, f"{team}/app-x"), (stranger, f"{team}/app-x")):
        assert "may not configure" in problem(put(who, pattern), 403)
    names = [rule["repositories"] for rule in whole.at.get(PATH).json()["items"]]
    assert names == [f"{team}/*", f"{team}/app-x"]
    assert len(part.at.get(PATH).json()["items"]) == 1
    [rule] = reader.at.get(PATH, repository=f"{team}/app-x").json()["items"]
    assert (rule["repositories"], rule["created_by"]) == (f"{team}/app-x", part.subject)
    problem(stranger.at.get(PATH, repository=f"{team}/app-x"), 404)
    assert reader.at.get(PATH).json()["items"] == []
    rows = office.admin.at.get("/audit", action="floating set", limit=1).json()["items"]
    assert (rows[0]["actor"], rows[0]["reference"]) == (part.subject, f"{team}/app-x")


def test_what_is_refused(office: Office) -> None:
    def put(pattern: str, floats: dict[str, Any]) -> httpx.Response:
        return office.admin.at.request("PUT", PATH, params={"pattern": pattern}, json=floats)

    assert "at least one of major" in problem(put("team", {"prereleases": True}), 422)
    assert "rules lie in one project" in problem(put("*", ALL), 422)
    assert "make it first" in problem(put("nowhere", ALL), 404)
    gone = office.admin.at.request("DELETE", PATH, params={"pattern": "nowhere"})
    assert "nothing floats by a rule for nowhere/*" in problem(gone, 404)
