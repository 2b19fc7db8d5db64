"""A backup is made while the registry serves: of one moment, and of what is new alone."""

import json
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import httpx
import pytest
from tests.accounts import ADMIN
from tests.content import digest, put_image
from tests.registry import MANIFESTS, Registry
from tests.upkeep.backup.site import Site
from tests.upkeep.filled import BIG
from tests.upkeep.spoilt import spoil
from tests.warm import entrepot

from entrepot.db import engine, hold, pieces
from entrepot.observe.names import BACKUP_AT


def test_the_next_one_sends_what_is_new(site: Site) -> None:
    first = site.create()
    assert first["added"] == first["size"] > 3_000_000
    assert site.create()["added"] == 0
    layer = Random(1).randbytes(50_000)
    site.push("new", layer)
    assert len(layer) < site.create()["added"] < len(layer) + 1000
    assert [each["tags"] for each in site.json("list")] == [5, 5, 6]


def test_what_two_repositories_have_counts_once(site: Site) -> None:
    site.create()
    layers = [Random(5).randbytes(40_000), b"small"]
    for number in range(4):
        put_image(site.http, f"team/shared-{number}", "1", *layers)
    before, made = site.json("list")[-1], site.create()
    assert made["added"] == made["size"] - before["size"] > 40_000


class Pusher(threading.Thread):
    """Pushes images, moves a tag and deletes some again, until its registry is destroyed."""

    def __init__(self, url: str, number: int, stopped: threading.Event) -> None:
        super().__init__()
        self.url, self.number, self.stopped = url, number, stopped
        self.pushed: dict[str, str] = {}
        """By tags that stay."""
        self.deleted: list[str] = []
        self.busy = threading.Event()
        """It has done each of them."""

    def run(self) -> None:
        try:
            self.push()
        except httpx.TransportError:
            assert self.stopped.is_set(), "it was there still"

    def push(self) -> None:
        random, count = Random(self.number), 0
        with httpx.Client(base_url=self.url, auth=ADMIN.pair, timeout=30) as http:
            while not self.stopped.is_set():
                count += 1
                tag = f"p{self.number}-{count}"
                layers = random.randbytes(60_000), random.randbytes(500)
                found = put_image(http, f"team/load-{self.number}", tag, *layers)
                put_image(http, f"team/load-{self.number}", "moving", *layers)
                if count % 3:
                    self.pushed[tag] = found
                else:
                    url = f"/v2/team/load-{self.number}/manifests/{found}"
                    assert http.delete(url).status_code == 202
                    self.deleted.append(found)
                    self.busy.set()


def test_destroyed_under_load_it_comes_back_whole(site: Site, tmp_path: Path) -> None:
    stopped = threading.Event()
    pushers = [Pusher(site.registry.url, number, stopped) for number in range(3)]
    for each in pushers:
        each.start()
    try:
        assert all(each.busy.wait(60) for each in pushers)
        site.create()
        before = [(dict(each.pushed), list(each.deleted)) for each in pushers]
        site.create()
    finally:
        stopped.set()
        site.destroy()
        for each in pushers:
            each.join()
    site.json("restore", "--data", str(tmp_path / "new"))
    checked = entrepot("check", "--data", str(tmp_path / "new"))
    assert (checked.status, checked.output) == (0, "0 damaged, 0 leftovers\n"), checked
    new = Registry(tmp_path / "new", tmp_path / "new.log", {})
    new.start()
    with httpx.Client(base_url=new.url, auth=ADMIN.pair) as http:
        for each, (pushed, deleted) in zip(pushers, before, strict=True):
            name = f"team/load-{each.number}"
            for wanted in deleted:
                assert http.head(f"/v2/{name}/manifests/{wanted}").status_code == 404
            for tag, wanted in pushed.items():
                found = http.get(f"/v2/{name}/manifests/{tag}", headers={"accept": MANIFESTS})
                assert digest(found.content) == wanted
                for layer in found.json()["layers"]:
                    blob = http.get(f"/v2/{name}/blobs/{layer['digest']}")
                    assert digest(blob.content) == layer["digest"]
    new.stop()
    site.check_served(Registry(tmp_path / "new", tmp_path / "new.log", {}))


def test_damage_in_the_registry_holds_up_nothing_else(site: Site, tmp_path: Path) -> None:
    spoil(site.registry.data, BIG)
    done = site.run("create", *site.config, "--json")
    assert done.status == 3
    assert json.loads(done.output)["lost"] == [digest(BIG)]
    assert site.run("verify").status == 0
    restored = site.run("restore", "--data", str(tmp_path / "new"), "--json")
    assert restored.status == 1
    assert json.loads(restored.output)["lost"] == [digest(BIG)]


def test_what_is_no_registry_is_not_backed_up(site: Site, tmp_path: Path) -> None:
    done = site.run("create", "--data", str(tmp_path / "nowhere"))
    assert done.status == 2
    assert "there is no registry in" in done.error
    assert not Path(site.dest).exists()


@pytest.mark.parametrize("dest", ["http://backups", "s3://", "s3://a/../b"])
def test_what_is_no_place_is_told(site: Site, dest: str) -> None:
    site.dest = dest
    done = site.run("create", *site.config)
    assert done.status == 2
    assert f"{dest} is no place for backups" in done.error


@pytest.mark.parametrize("command", ["create", "list", "verify", "restore", "prune"])
def test_without_a_place_it_asks_for_one(tmp_path: Path, command: str) -> None:
    (tmp_path / "none.toml").touch()
    done = entrepot("backup", command, "--config", str(tmp_path / "none.toml"))
    assert done.status == 2
    assert "name DEST, where the backups are, or set backup_to" in done.error


def test_nothing_is_deleted_from_the_store_meanwhile(tmp_path: Path) -> None:
    engine.prepare(tmp_path)
    with closing(engine.connect(tmp_path)) as db:
        with db.exclusive():
            pieces.throw_away(db, [("0" * 32, 1)], "test")
        assert pieces.garbage(db, 10) == ["0" * 32]
        with db.exclusive():
            assert hold.take(db, "one", 60, lambda _: False) is None
        assert pieces.garbage(db, 10) == []
        with db.exclusive():
            assert hold.take(db, "two", 60, lambda _: False) == "one"
            assert hold.renew(db, "one", -1)
            assert not hold.renew(db, "one", 60)
        assert pieces.garbage(db, 10) == ["0" * 32]
        with db.exclusive():
            assert hold.take(db, "two", 60, lambda _: False) is None
            hold.give_back(db, "two")
        assert pieces.garbage(db, 10) == ["0" * 32]


def test_only_its_owner_reads_it(site: Site) -> None:
    site.create()
    for path in (Path(site.dest), *Path(site.dest).rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_registry_knows_when_it_was(site: Site) -> None:
    made = site.create()
    metrics = site.http.get("/metrics").text
    (at,) = [float(line.split()[1]) for line in metrics.splitlines() if line.startswith(BACKUP_AT)]
    assert datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds") == made["created_at"]
    (row,) = site.http.get("/api/v1/audit", params={"action": "backup create"}).json()["items"]
    assert row["reference"] == f"{made['id']} {site.dest}"


def test_the_admin_sees_that_one_is_under_way(site: Site) -> None:
    with closing(engine.connect(site.registry.data)) as db, db.exclusive():
        hold.take(db, "host 1 2 3 4", 60, lambda _: False)
    jobs = {each["name"]: each for each in site.http.get("/api/v1/jobs").json()["items"]}
    assert jobs["backup"]["state"] == "running"
    refused = site.run("create", *site.config)
    assert refused.status == 1
    assert "is being backed up, or restored, by host/1" in refused.error
