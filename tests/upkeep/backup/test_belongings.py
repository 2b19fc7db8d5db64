"""A project that was deleted comes back with all that it had."""

from contextlib import closing
from pathlib import Path

from tests.content import put_image
from tests.upkeep.backup.site import Site
from tests.upkeep.backup.test_merge import only, where
from tests.upkeep.filled import APP
from tests.warm import entrepot

from entrepot.db import engine

BY_SCOPE = {
    "project": "name",
    "signer": "project",
    "demand": "project",
    "immutable_rule": "project",
    "floating_rule": "project",
    "retention": "pattern",
    "channel": "scope",
    "channel_freeze": "scope",
    "permission": "pattern",
}
OF_IMAGES = ("version_scheme", "version_note", "bad_version", "approval", "report")
MADE = {"created_at": 1.0, "created_by": "user:admin"}
RULES: dict[str, dict[str, object]] = {
    "signer": {"project": "team", "name": "ci", "pattern": "team/*", "kind": "key", "terms": "{}"},
    "demand": {"project": "team", "pattern": "team/prod-*", "signers": '["ci"]'},
    "immutable_rule": {
        "project": "team",
        "repositories": "team/*",
        "kind": "semver",
        "tags": "",
    },
    "retention": {"pattern": "team/*", "rules": '{"keep": 9}'},
    "channel": {"scope": "team", "name": "1", "place": 0},
    "channel_freeze": {"scope": "team", "channel": "1", "reason": "a fair"},
}
for each in RULES.values():
    each.update(MADE)


def furnish(site: Site) -> None:
    """Something in every table."""
    put_image(site.http, "team/app", "1.0.0", b"first")
    put_image(site.http, "team/app", "1.1.0", b"second")
    site.accounts.group("dev", "reader")
    site.accounts.grant("group:dev", "writer:team/app")
    site.accounts.user("gone", "reader:team/*")
    site.accounts.grant("user:reader", "reader:other/*")
    site.accounts.floats("team/*", latest=True)
    with closing(engine.connect(site.registry.data)) as db, db.exclusive():
        number, digest = db.execute(
            "select t.repository, t.digest from tag t where t.name = '1.0.0'"
        ).fetchone()
        db.execute("update project set public = 1, description = 'ours', quota_tags = 90")
        for table, row in RULES.items():
            marks = ", ".join("?" for _ in row)
            db.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", [*row.values()])
        db.execute("insert into version_scheme values (?, 'semver', null)", (number,))
        db.execute(
            "insert into version_note values (?, '1.0.0', ?, 'plan', 'x', 'user:admin', 1)",
            (number, digest),
        )
        db.execute(
            "insert into bad_version values (?, ?, '1.0.0', 'bad', 'user:admin', 1)",
            (number, digest),
        )
        db.execute(
            "insert into approval values (?, ?, 'prod', 'user:admin', '', 1)", (number, digest)
        )
        db.execute(
            "insert into report (repository, digest, name, passed, url, document, actor, at) "
            "values (?, ?, 'scan', 1, '', '', 'user:admin', 1)",
            (number, digest),
        )


def rows(data: Path) -> dict[str, list[tuple[object, ...]]]:
    """What the project has, without the numbers of rows."""
    found = {}
    with closing(engine.connect(data)) as db:
        for table, column in BY_SCOPE.items():
            names = [row[1] for row in db.execute(f"pragma table_info({table})")]
            left = {"id", "used_at"} | ({"created_at", "created_by"} & set(names))
            kept = ", ".join(name for name in names if name not in left)
            found[table] = sorted(
                db.execute(
                    f"select {kept} from {table} where {column} = 'team' or {column} like 'team/%'"
                ).fetchall()
            )
        for table in OF_IMAGES:
            columns = "scheme" if table == "version_scheme" else "digest"
            found[table] = db.execute(f"select {columns} from {table}").fetchall()
    return found


def delete(site: Site) -> None:
    """The whole project, and an account that it knew."""
    with closing(engine.connect(site.registry.data)) as db, db.exclusive():
        db.execute("delete from channel_freeze")
        db.execute("delete from channel")
        db.execute("delete from immutable_rule")
        db.execute("delete from retention")
    gone = site.http.delete(f"/api/v1/repositories/{APP}", params={"confirm": APP})
    assert gone.status_code < 300, gone.text
    for item in site.http.get("/api/v1/trash", params={"repository": APP}).json()["items"]:
        site.http.delete(f"/api/v1/trash/{item['id']}").raise_for_status()
    for path in ("projects/team", "users/gone"):
        gone = site.http.delete(f"/api/v1/{path}")
        assert gone.status_code < 300, gone.text


def test_a_project_comes_back_as_it_was(site: Site) -> None:
    furnish(site)
    before = rows(site.registry.data)
    assert all(before.values()), {table: len(found) for table, found in before.items()}
    site.create()
    history = {"repository": "team/app", "tag": "1.0.0"}
    moves = len(site.http.get("/api/v1/tags/history", params=history).json()["items"])
    delete(site)
    assert not any(rows(site.registry.data)[table] for table in BY_SCOPE)
    found = site.json("restore", *only(site, "team"))
    (returned,) = found["projects"]
    assert returned["skipped"] == ["user:gone reader team/*"]
    assert "group:dev writer team/app" in returned["grants"]
    after = rows(site.registry.data)
    before["permission"] = [row for row in before["permission"] if "user:gone" not in row]
    assert after == before
    assert found["left"] == []
    assert where(site, "latest") == where(site, "1.1.0")
    items = site.http.get("/api/v1/tags/history", params=history).json()["items"]
    assert len(items) > moves, "it goes on"
    audited = site.http.get("/api/v1/audit", params={"action": "grant add"}).json()["items"]
    assert sum(row["via"] == "backup restore" for row in audited) == len(returned["grants"])
    checked = entrepot("check", *site.config)
    assert (checked.status, checked.output) == (0, "0 damaged, 0 leftovers\n"), checked
    assert site.json("restore", *only(site, "team"))["projects"] == [], "it lives now"


def test_a_part_of_a_project_that_is_gone_is_private(site: Site) -> None:
    furnish(site)
    site.create()
    delete(site)
    assert site.json("restore", *only(site, "team/app:1.0.0"))["projects"] == []
    found = rows(site.registry.data)
    assert [table for table in BY_SCOPE if found[table]] == ["project"]
    assert site.http.get("/api/v1/projects/team").json()["public"] is False


def test_what_is_cut_goes_on(site: Site) -> None:
    furnish(site)
    before = rows(site.registry.data)["immutable_rule"]
    site.create()
    delete(site)
    blobs = Path(site.dest) / "blobs"
    blobs.rename(blobs.with_name("away"))
    blobs.write_text("not there")
    assert site.run("restore", *only(site, "team")).status in (1, 2)
    assert rows(site.registry.data)["immutable_rule"] == []
    blobs.unlink()
    blobs.with_name("away").rename(blobs)
    (returned,) = site.json("restore", *only(site, "team"))["projects"]
    assert returned["project"] == "team"
    assert rows(site.registry.data)["immutable_rule"] == before
