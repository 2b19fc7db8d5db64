"""Versions over the API: the table, what is written of them, resolving, and what is next."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.admin.office import Office, fresh, problem
from tests.admin.shop import LAYER, Shop
from tests.content import EMPTY, dump, put_blob, put_manifest
from tests.signatures.signed import curve, payload, pem, signature, signing, simple, tag_of

_OCI = "org.opencontainers.image."
LABELS = {
    f"{_OCI}title": "App",
    f"{_OCI}description": "Exports as CSV",
    f"{_OCI}revision": "abc123",
    f"{_OCI}source": "https://git.test/app",
    f"{_OCI}created": "2026-11-26T10:00:00Z",
}


@pytest.fixture
def shop(office: Office) -> Iterator[Shop]:
    shop = Shop(office)
    yield shop
    shop.http.close()


def test_what_the_table_says(shop: Shop) -> None:
    document = shop.image("x", LABELS)
    found = shop.tag("1.4.2", document)
    shop.tag("latest", document)
    page = shop.page()
    (row,) = page["items"]
    pushed = datetime.fromisoformat(row.pop("pushed_at"))
    assert timedelta(0) <= datetime.now(UTC) - pushed < timedelta(minutes=1)
    assert row == {
        "tag": "1.4.2",
        "version": "1.4.2",
        "variant": "",
        "prerelease": False,
        "digest": found,
        "also": ["latest"],
        "pushed_by": shop.owner.subject,
        "size": len(dump(document)) + document["config"]["size"] + len(LAYER),
        "platforms": ["linux/amd64"],
        "title": "App",
        "description": "Exports as CSV",
        "described_by": "",
        "revision": "abc123",
        "source": "https://git.test/app",
        "created": "2026-11-26T10:00:00Z",
        "signed_by": [],
        "state": "new",
        "where": [],
        "bad": None,
        "plan": "",
        "planned_by": "",
        "planned_at": None,
    }
    assert page["next"] is None
    assert page["others"] == 1
    reading = page["reading"]
    assert (reading["scheme"], reading["guessed"], reading["share"]) == ("semver", True, 1.0)
    assert "alpine*" in reading["variants"]


def test_an_index_has_all_its_platforms_and_each_layer_once(shop: Shop) -> None:
    shared, own = b"shared", b"of one alone"
    first = shop.image("a", {"org.label-schema.description": "by label"}, layers=(shared,))
    second = shop.image("b", {}, architecture="arm64", layers=(shared, own))
    listed = shop.index(first, second)
    for child, name in zip(listed["manifests"], ("amd64", "arm64"), strict=True):
        child["platform"] = {"os": "linux", "architecture": name}
    shop.tag("1.0.0", listed)
    (row,) = shop.rows()
    assert row["platforms"] == ["linux/amd64", "linux/arm64"]
    assert row["description"] == "by label"
    manifests = [dump(each) for each in (listed, first, second)]
    configs = first["config"]["size"] + second["config"]["size"]
    assert row["size"] == sum(map(len, manifests)) + configs + len(shared) + len(own)


def test_annotations_go_before_labels(shop: Shop) -> None:
    annotations = {f"{_OCI}description": "by annotation"}
    shop.push("1.0.0", labels=LABELS, annotations=annotations)
    assert shop.rows()[0]["description"] == "by annotation"


@pytest.mark.parametrize("config", [b"not JSON", b"[]", b'{"config": 5, "os": 7}', b"[" * 9999])
def test_an_image_that_says_nothing_readable_is_listed(shop: Shop, config: bytes) -> None:
    document = shop.image("x", {})
    pushed = {"digest": put_blob(shop.http, shop.app, config), "size": len(config)}
    document["config"] = {**document["config"], **pushed}
    shop.tag("1.0.0", document)
    (row,) = shop.rows()
    assert (row["platforms"], row["description"]) == ([], "")


TAGS = ["1.0.0", "1.10.0", "1.9.0", "1.9.0-alpine", "2.0.0-rc.1", "0.9.0", "latest", "1", "main"]


@pytest.fixture(scope="module")
def stocked(office: Office) -> Iterator[Shop]:
    """With versions, one image each; what tests ask of it changes nothing."""
    shop = filled(Shop(office))
    yield shop
    shop.http.close()


def filled(shop: Shop) -> Shop:
    for tag in TAGS:
        shop.push(tag)
    return shop


NEWEST_FIRST = ["2.0.0-rc.1", "1.10.0", "1.9.0-alpine", "1.9.0", "1.0.0", "0.9.0"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, NEWEST_FIRST),
        ({"range": "^1"}, ["1.10.0", "1.9.0-alpine", "1.9.0", "1.0.0"]),
        ({"range": ">=1.9, <3"}, ["1.10.0", "1.9.0-alpine", "1.9.0"]),
        ({"range": ">=1.9 <3", "prereleases": True}, NEWEST_FIRST[:4]),
        ({"prereleases": False}, NEWEST_FIRST[1:]),
        ({"variant": "alpine*"}, ["1.9.0-alpine"]),
        ({"variant": "", "range": "1.9.x"}, ["1.9.0"]),
        ({"state": "new", "limit": 2}, NEWEST_FIRST[:2]),
        ({"state": "deployed"}, []),
        ({"sort": "pushed", "limit": 2}, ["0.9.0", "2.0.0-rc.1"]),
    ],
    ids=str,
)
def test_versions_are_chosen(stocked: Shop, asked: dict[str, Any], expected: list[str]) -> None:
    assert stocked.tags(**asked) == expected


@pytest.mark.parametrize("sort", ["version", "pushed"])
def test_pages_drop_nothing_though_versions_go_meanwhile(shop: Shop, sort: str) -> None:
    stocked = filled(shop)
    whole = stocked.tags(sort=sort)
    first = stocked.page(sort=sort, limit=2)
    gone = first["items"][-1]["tag"]
    stocked.owner.at.request(
        "DELETE", "/tags", params={"repository": stocked.app, "tag": gone}
    ).raise_for_status()
    rest = stocked.owner.at.pages(
        "/versions", 3, repository=stocked.app, sort=sort, after=first["next"]
    )
    assert [row["tag"] for row in rest] == whole[2:]


def test_the_table_follows_pushes_and_deletions(shop: Shop) -> None:
    shop.push("1.0.0")
    assert shop.tags() == ["1.0.0"]
    shop.push("1.1.0")
    shop.push("1.0.1")
    assert shop.tags() == ["1.1.0", "1.0.1", "1.0.0"]
    shop.push("1.0.0", labels={f"{_OCI}description": "another"})
    assert shop.rows()[2]["description"] == "another"


@pytest.mark.parametrize(
    ("wanted", "asked", "tag"),
    [
        ("~1.9", {}, "1.9.0"),
        ("~1.9", {"variant": "alpine*"}, "1.9.0-alpine"),
        (">=1.1 <2", {}, "1.10.0"),
        ("1.x", {}, "1.10.0"),
        ("1", {}, "1.10.0"),
        ("1.9.0", {}, "1.9.0"),
        ("1.9.0-alpine", {}, "1.9.0-alpine"),
        ("latest stable", {}, "1.10.0"),
        ("latest", {}, "2.0.0-rc.1"),
        ("^2", {"prereleases": True}, None),
        (">=2.0.0-0", {}, "2.0.0-rc.1"),
        ("main", {}, "main"),
    ],
    ids=str,
)
def test_resolve(stocked: Shop, wanted: str, asked: dict[str, Any], tag: str | None) -> None:
    answer = stocked.resolve(wanted, **asked)
    if tag is None:
        assert "no version of" in problem(answer, 404)
        return
    found = answer.json()
    assert found["tag"] == tag
    head = stocked.http.head(f"/v2/{stocked.app}/manifests/{tag}")
    assert found["digest"] == head.headers["docker-content-digest"]
    assert set(found) == {"repository", "tag", "version", "variant", "digest", "pushed_at"}


def test_a_name_resolves_to_the_version_that_it_means(shop: Shop) -> None:
    shop.push("1.0.0", "stable")
    assert shop.resolve("stable").json()["tag"] == "1.0.0"


def test_what_is_neither_tag_nor_range_is_not_found(stocked: Shop) -> None:
    detail = problem(stocked.resolve("glorp"), 404)
    assert detail.startswith(f"{stocked.app} has no such tag, and 'glorp' is no range: write ~1.2")


def test_what_is_bad_is_resolved_by_its_name_alone(shop: Shop) -> None:
    shop.push("1.0.0")
    shop.push("1.1.0")
    shop.post("/bad-versions", version="1.1.0", reason="crashes").raise_for_status()
    assert shop.resolve("^1").json()["tag"] == "1.0.0"
    assert shop.resolve("latest").json()["tag"] == "1.0.0"
    assert shop.resolve("1.1.0").json()["tag"] == "1.1.0"
    row = shop.rows(state="bad")[0]
    assert (row["tag"], row["bad"]) == ("1.1.0", f"crashes ({shop.owner.subject})")


def test_what_clusters_run_is_shown(shop: Shop) -> None:
    for tag in ("1.0.0", "1.1.0"):
        shop.push(tag)
    shop.runs("1.1.0")
    first, second = shop.rows()
    assert (first["state"], first["where"]) == ("deployed", [f"{shop.project}:web/front"])
    assert (second["state"], second["where"]) == ("new", [])
    shop.runs("1.0.0", "rollback")
    first, second = shop.rows()
    assert (first["state"], second["state"], second["where"]) == ("new", "kept", [])


def test_notes_are_about_an_image(shop: Shop) -> None:
    shop.push("1.0.0", labels=LABELS)
    shop.push("1.1.0")
    notes = {"description": "by hand", "plan": "deploy on Friday"}
    assert shop.write("notes", notes, tag="1.0.0").status_code == 200
    row = shop.rows()[1]
    assert (row["description"], row["described_by"]) == ("by hand", shop.owner.subject)
    assert (row["plan"], row["planned_by"]) == ("deploy on Friday", shop.owner.subject)
    assert row["planned_at"]
    assert shop.write("notes", {"plan": ""}, tag="1.0.0").status_code == 200
    row = shop.rows()[1]
    assert (row["description"], row["plan"]) == ("by hand", "")
    shop.push("1.0.0", labels={**LABELS, "other": "image"})
    assert shop.rows()[1]["description"] == "Exports as CSV"


def test_notes_are_written_down(shop: Shop) -> None:
    found = shop.push("1.0.0")
    shop.write("notes", {"plan": "deploy on Friday"}, tag="1.0.0")
    rows = shop.office.admin.at.get("/audit", repository=shop.app).json()["items"]
    (row,) = [row for row in rows if row["action"] == "planned"]
    assert (row["actor"], row["reference"], row["digest"]) == (shop.owner.subject, "1.0.0", found)
    assert row["detail"] == {"old": found, "why": "deploy on Friday"}
    moves = shop.owner.at.get("/tags/history", repository=shop.app, tag="1.0.0").json()["items"]
    assert [move["new"] for move in moves] == [found]


def test_who_may_only_pull_writes_nothing(shop: Shop) -> None:
    shop.push("1.0.0")
    reader = shop.office.person(f"reader:{shop.project}/*")
    stranger = shop.office.person()
    where = {"repository": shop.app, "tag": "1.0.0"}
    assert reader.at.get("/versions", repository=shop.app).status_code == 200
    for path in ("notes", "scheme"):
        asked: Any = {"params": where, "json": {}}
        problem(reader.at.request("PUT", f"/versions/{path}", **asked), 403)
        problem(stranger.at.request("PUT", f"/versions/{path}", **asked), 404)
    for path in ("", "/resolve", "/next", "/scheme"):
        problem(stranger.at.get(f"/versions{path}", version="1", **where), 404)


def test_a_note_wants_a_tag(shop: Shop) -> None:
    shop.push("1.0.0")
    for tag in ("1.1.0", "latest"):
        assert "there is no tag" in problem(shop.write("notes", {"plan": "x"}, tag=tag), 404)
    problem(shop.write("notes", {"plan": "x"}, tag="no/tag"), 422)
    problem(shop.write("notes", {"plan": "x" * 1001}, tag="1.0.0"), 422)


def test_who_signed_is_shown(shop: Shop) -> None:
    key = curve()
    found = shop.push("1.0.0")
    shop.push("1.1.0")
    for part in (payload(found), EMPTY):
        put_blob(shop.http, shop.app, part)
    signed = signature(simple(payload(found), signing(key)))
    put_manifest(shop.http, shop.app, tag_of(found), signed)
    assert [row["signed_by"] for row in shop.rows()] == [[], []]
    answer = shop.office.admin.at.put(f"/signers/{shop.project}/ci", {"key": {"pem": pem(key)}})
    answer.raise_for_status()
    assert [row["signed_by"] for row in shop.rows()] == [[], ["ci"]]


def test_a_manifest_that_is_no_image_for_its_size_is_not_looked_into(shop: Shop) -> None:
    document = shop.image("x", {})
    document["annotations"] = {f"{_OCI}description": "x" * 2**18}
    shop.tag("1.0.0", document)
    (row,) = shop.rows()
    assert (row["size"], row["description"], row["platforms"]) == (None, "", [])


def test_the_scheme_is_set_for_a_repository(shop: Shop) -> None:
    for tag in ("1.0.0", "2026-11-26", "1.0.0-vegan"):
        shop.push(tag)
    assert shop.tags() == ["1.0.0", "1.0.0-vegan"]
    found = shop.write("scheme", {"scheme": "date"}).json()
    assert (found["scheme"], found["guessed"], found["share"]) == ("date", False, 0.333)
    assert shop.tags() == ["2026-11-26"]
    found = shop.write("scheme", {"scheme": "semver", "variants": ["vegan"]}).json()
    assert found["variants"] == ["vegan"]
    assert [row["prerelease"] for row in shop.rows()] == [False, False]
    assert shop.write("scheme", {}).json()["guessed"]
    problem(shop.write("scheme", {"scheme": "roman"}), 422)
    problem(shop.write("scheme", {"variants": ["(a+)+$"]}), 422)


def test_text_is_in_the_order_of_pushes(shop: Shop) -> None:
    for tag in ("b", "c", "a"):
        shop.push(tag)
    assert shop.page()["reading"]["scheme"] == "text"
    assert shop.tags() == ["a", "c", "b"]
    assert shop.resolve("latest").json()["tag"] == "a"
    assert "mere text" in problem(shop.resolve("^1"), 404)
    assert "no next" in problem(shop.next(), 409)


def channels(shop: Shop, *names: str) -> None:
    """Have these channels in the project."""
    asked: Any = {"params": {"scope": shop.project}, "json": {"channels": names}}
    shop.owner.at.request("PUT", "/channels", **asked).raise_for_status()


def test_a_channel_is_no_version(shop: Shop) -> None:
    shop.push("blue")
    assert shop.page()["reading"]["scheme"] == "text"
    channels(shop, "prod")
    shop.post("/promotions", version="blue", to="prod").raise_for_status()
    shop.push("green")
    (first, second) = shop.rows()
    assert (first["tag"], first["state"]) == ("green", "new")
    assert (second["tag"], second["also"], second["where"]) == ("blue", ["prod"], ["prod"])
    assert second["state"] == "deployed"
    assert shop.resolve("prod").json()["tag"] == "blue"


def test_the_way_of_a_version_through_channels_is_its_state(shop: Shop) -> None:
    channels(shop, "test", "prod")
    for tag in ("1.0.0", "1.1.0", "1.2.0"):
        shop.push(tag)
    for tag in ("1.0.0", "1.1.0"):
        for channel in ("test", "prod"):
            shop.post("/promotions", version=tag, to=channel).raise_for_status()
    shop.post("/promotions", version="1.2.0", to="test").raise_for_status()
    shop.push("1.3.0")
    states = {row["tag"]: (row["state"], row["where"]) for row in shop.rows()}
    assert states == {
        "1.3.0": ("new", []),
        "1.2.0": ("testing", ["test"]),
        "1.1.0": ("deployed", ["prod"]),
        "1.0.0": ("kept", []),
    }


@pytest.mark.parametrize(
    ("tags", "asked", "expected"),
    [
        ("1.2.3", {}, "1.2.4"),
        ("v1.2.3 v1.2.2", {"bump": "minor"}, "v1.3.0"),
        ("1.2.3-alpine", {"bump": "major"}, "2.0.0"),
        ("1.2.3 1.3.0-rc.1", {}, "1.3.0"),
        ("1.2.3 1.3.0-rc.1", {"prerelease": "rc"}, "1.3.0-rc.2"),
        ("1.2.3", {"prerelease": "rc", "bump": "minor"}, "1.3.0-rc.1"),
        ("41 42", {}, "43"),
        ("build-41 build-9", {}, "build-42"),
    ],
)
def test_next(shop: Shop, tags: str, asked: dict[str, Any], expected: str) -> None:
    for tag in tags.split():
        shop.push(tag)
    assert shop.next(**asked) == expected


@pytest.mark.parametrize(
    "asked",
    [
        {"range": "glorp"},
        {"after": "glorp"},
        {"after": "x,1.0.0"},
        {"sort": "size"},
        {"state": "lost"},
        {"limit": 0},
        {"range": "1" * 300},
    ],
    ids=str,
)
def test_what_is_asked_wrongly_is_told(stocked: Shop, asked: dict[str, Any]) -> None:
    problem(stocked.owner.at.get("/versions", repository=stocked.app, **asked), 422)


def test_an_unknown_repository(office: Office) -> None:
    for path in ("", "/next", "/scheme"):
        answer = office.admin.at.get(f"/versions{path}", repository=f"{fresh('none')}/app")
        assert "there is no repository" in problem(answer, 404)


def test_a_signatures_tag_is_no_version(shop: Shop) -> None:
    found = shop.push("1.0.0")
    shop.push(found.replace(":", "-") + ".sig")
    page = shop.page()
    assert [row["tag"] for row in page["items"]] == ["1.0.0"]
    assert (page["others"], json.dumps(page).count(".sig")) == (0, 0)
