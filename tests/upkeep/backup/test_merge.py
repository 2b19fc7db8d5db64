"""Some images come back into a registry that lives, while it serves."""

from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from tests.content import digest, put_image
from tests.registry import MANIFESTS
from tests.upkeep.backup.site import Site
from tests.upkeep.filled import APP, BIG
from tests.upkeep.spoilt import spoil
from tests.warm import entrepot

from entrepot.db import chain, engine, place, projects
from entrepot.db.projects import Project


def only(site: Site, *choices: str) -> list[str]:
    return [*site.config, *(word for choice in choices for word in ("--only", choice))]


def delete(site: Site) -> None:
    """All of its repository."""
    url = f"/api/v1/repositories/{APP}"
    gone = site.http.delete(url, params={"confirm": APP})
    assert gone.status_code < 300, gone.text


def where(site: Site, tag: str) -> str | None:
    found = site.http.get(f"/v2/{APP}/manifests/{tag}", headers={"accept": MANIFESTS})
    return str(found.headers["docker-content-digest"]) if found.is_success else None


def test_a_tag_that_was_deleted_comes_back_with_its_signatures(site: Site) -> None:
    site.create()
    delete(site)
    assert where(site, "2") is None
    found = site.json("restore", *only(site, f"{APP}:2"))
    assert (found["tags"], found["left"], found["lost"]) == ([f"{APP}:2"], [], {})
    assert where(site, "2") == site.digests["2"]
    assert where(site, "1") is None
    assert len(site.http.get(f"/v2/{APP}/referrers/{site.digests['2']}").json()["manifests"]) == 1
    found = site.json("restore", *only(site, "team"))
    assert sorted(found["tags"]) == sorted(
        f"{APP}:{t}" for t in (*site.digests, "sbom") if t != "2"
    )
    site.pull(site.http)
    again = site.json("restore", *only(site, "team"))
    assert again["tags"] == []
    checked = entrepot("check", *site.config)
    assert (checked.status, checked.output) == (0, "0 damaged, 0 leftovers\n"), checked
    faults = chain.Chain(lambda: engine.connect_to_read(site.registry.data)).faults()
    assert list(faults) == []


def test_content_that_is_gone_from_the_store_comes_back(site: Site) -> None:
    site.create()
    spoil(site.registry.data, BIG)
    with closing(engine.connect(site.registry.data)) as db:
        for (name,) in db.execute("select name from piece").fetchall():
            (site.registry.data / "blobs" / name[:2] / name).unlink()
    site.json("restore", *only(site, "team/app:2"))
    assert site.http.get(f"/v2/{APP}/blobs/{digest(BIG)}").content == BIG


def test_a_tag_that_moved_is_left_alone_unless_it_is_to_move(site: Site) -> None:
    site.create()
    newer = put_image(site.http, APP, "1", Random(8).randbytes(100))
    found = site.json("restore", *only(site, f"{APP}:1"))
    assert (found["tags"], found["left"]) == ([], [f"{APP}:1"])
    assert where(site, "1") == newer
    found = site.json("restore", *only(site, f"{APP}:1"), "--move-tags")
    assert found["tags"] == [f"{APP}:1"]
    assert where(site, "1") == site.digests["1"]
    assert where(site, newer) == newer, "nothing is taken away"


def test_what_is_immutable_stays_so(site: Site) -> None:
    site.create()
    newer = put_image(site.http, APP, "1", Random(8).randbytes(100))
    fixed = site.http.patch("/api/v1/projects/team", json={"immutable": ["*"]})
    assert fixed.status_code == 200, fixed.text
    done = site.run("restore", *only(site, f"{APP}:1"), "--move-tags")
    assert done.status == 0, done
    assert f"{APP}:1 points elsewhere by now, and is left so: a rule" in done.output
    assert where(site, "1") == newer


def test_one_that_is_immutable_holds_up_no_other(site: Site) -> None:
    site.create()
    newer = put_image(site.http, APP, "1", Random(8).randbytes(100))
    moved = put_image(site.http, APP, "2", Random(9).randbytes(100))
    fixed = site.http.patch("/api/v1/projects/team", json={"immutable": ["1"]})
    assert fixed.status_code == 200, fixed.text
    found = site.json("restore", *only(site, "team"), "--move-tags")
    assert (found["left"], found["tags"]) == ([f"{APP}:1"], [f"{APP}:2"])
    assert (where(site, "1"), where(site, "2")) == (newer, site.digests["2"])
    assert moved != site.digests["2"]


def test_what_floats_follows_what_comes_back(site: Site) -> None:
    put_image(site.http, APP, "1.1.0", b"newer")
    put_image(site.http, APP, "1.0.0", b"older")
    at = "/api/v1/floating-tags"
    site.http.put(at, params={"pattern": "team"}, json={"latest": True}).raise_for_status()
    site.create()
    gone = {"repository": APP, "tag": "1.1.0"}
    site.http.delete("/api/v1/tags", params=gone).raise_for_status()
    assert where(site, "latest") == where(site, "1.0.0")
    found = site.json("restore", *only(site, f"{APP}:latest"), "--move-tags")
    assert (found["tags"], found["left"]) == ([], [f"{APP}:latest"])
    found = site.json("restore", *only(site, f"{APP}:1.1.0"))
    assert found["tags"] == [f"{APP}:1.1.0"]
    assert where(site, "latest") == where(site, "1.1.0")


def test_a_channel_is_left_alone(site: Site) -> None:
    site.create()
    newer = put_image(site.http, APP, "1", Random(8).randbytes(100))
    order = {"channels": ["1"]}
    site.http.put("/api/v1/channels", params={"scope": "team"}, json=order).raise_for_status()
    found = site.json("restore", *only(site, f"{APP}:1"), "--move-tags")
    assert (found["tags"], found["left"]) == ([], [f"{APP}:1"])
    assert where(site, "1") == newer


@pytest.mark.parametrize("choice", ["team/app:nothing", "nobody", "team/app:-"])
def test_what_is_not_there_is_told(site: Site, choice: str) -> None:
    site.create()
    done = site.run("restore", *only(site, choice))
    assert done.status == 2
    assert "part of a backup" in done.error or "is not in the backup" in done.error


def test_a_damaged_layer_costs_its_image_alone(site: Site) -> None:
    site.create()
    delete(site)
    file = Path(site.dest) / "blobs" / digest(b"small").replace(":", "/")
    file.write_bytes(b"SMALL")
    with closing(engine.connect(site.registry.data)) as db, db.exclusive():
        lost = "update blob set content = null, object = 'lost' where digest = ?"
        db.execute(lost, (digest(b"small"),))
    done = site.run("restore", *only(site, "team"))
    assert done.status == 1, done
    assert f"{site.digests['1']} cannot be restored" in done.output
    assert f"{site.digests['all']} cannot be restored" in done.output
    assert where(site, "2") == site.digests["2"]
    assert where(site, "1") is None


def test_what_does_not_fit_is_not_written(site: Site, tmp_path: Path) -> None:
    """Into another registry, whose project may have less."""
    site.create()
    where = place.find(tmp_path / "other", "")
    where.prepare()
    with closing(where.connect()) as db, db.exclusive():
        projects.create(db, Project("team", quota=len(BIG) - 1), by="test")
    done = site.run("restore", "--data", str(tmp_path / "other"), "--only", APP)
    assert done.status == 2
    assert f"{APP}: project team may have 2.9 MiB and has" in done.error
    with closing(where.connect()) as db:
        assert db.execute("select count(*) from piece where number is null").fetchone() == (0,)
    assert len(BIG) not in {each.stat().st_size for each in (tmp_path / "other").rglob("*")}
