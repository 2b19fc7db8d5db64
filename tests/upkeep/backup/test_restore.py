"""A registry is destroyed, and comes back whole from its backup."""

from contextlib import closing
from pathlib import Path
from random import Random

import httpx
import pytest
from tests.accounts import ADMIN
from tests.content import put_blob
from tests.registry import Registry, serving
from tests.seaweed import Bucket
from tests.upkeep.backup.site import Site, write
from tests.upkeep.filled import APP
from tests.upkeep.killing import kill_often
from tests.warm import entrepot

from entrepot.db import engine, hold, keyed, moving, replications, upstreams
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.upkeep.backup import document
from entrepot.upkeep.backup.folder import FolderVault


def test_all_of_it_comes_back(site: Site, tmp_path: Path) -> None:
    site.create()
    site.destroy()
    found = site.json("restore", "--data", str(tmp_path / "new"))
    assert (found["tags"], found["lost"]) == (5, [])
    site.check("--data", str(tmp_path / "new"))
    with closing(engine.connect(tmp_path / "new")) as db:
        (count,) = db.execute(
            "select count(*) from audit where action = 'registry restored'"
        ).fetchone()
    assert count == 1


def test_it_goes_to_postgresql_and_a_bucket_and_back(
    site: Site, tmp_path: Path, database_url: str, bucket: Bucket
) -> None:
    site.dest = f"s3://{bucket.name}/backups"
    site.options = ("--endpoint", bucket.endpoint, "--region", "us-east-1")
    site.create()
    site.destroy()
    there = write(
        tmp_path / "there.toml",
        data=tmp_path / "there",
        database_url=database_url,
        **bucket.settings,
    )
    site.json("restore", *there)
    checked = entrepot("check", *there)
    assert (checked.status, checked.output) == (0, "0 damaged, 0 leftovers\n"), checked
    site.dest, site.options, site.config = str(tmp_path / "folder"), (), there
    again = site.create()
    assert again["tags"] == 5
    site.check(*there, data=tmp_path / "there")
    site.json("restore", "--data", str(tmp_path / "back"))
    site.check("--data", str(tmp_path / "back"))


def test_what_lay_encrypted_does_so_again_by_the_new_key(tmp_path: Path) -> None:
    old, new = MasterKey.new(), MasterKey.new()
    keys = tmp_path / "keys"
    keys.touch(0o600)
    keys.write_text(f"{old.line}\n")
    with serving(
        tmp_path / "old",
        admin_password=ADMIN.secret,
        dangerously_without_accounts=False,
        encryption_key_file=keys,
    ) as registry:
        site = Site(registry, tmp_path, str(tmp_path / "dest"))
        site.config = write(tmp_path / "old.toml", data=registry.data, encryption_key_file=keys)
        site.fill()
        rule = {"name": "far", "url": "https://127.0.0.1:9", "pattern": "*", "login": "bot"}
        made = site.http.post("/api/v1/replications", json={**rule, "password": "a word"})
        assert made.status_code == 201, made.text
        assert site.create()["keys"] == [old.id]
        site.destroy()
        config = write(tmp_path / "new.toml", data=tmp_path / "new", encryption_key_file=keys)
        keys.write_text(f"{new.line}\n")
        refused = site.run("restore", *config)
        assert refused.status == 2
        assert f"sealed by the key {old.id}" in refused.error
        keys.write_text(f"{new.line}\n{old.line}\n")
        site.json("restore", *config)
        with closing(engine.connect(tmp_path / "new")) as db:
            for table in ("piece", "blob", "manifest"):
                where = "where content is not null" if table == "blob" else ""
                found = db.execute(f"select distinct key from {table} {where}").fetchall()
                assert found == [(new.id,)], table
        site.check(*config, data=tmp_path / "new")
        with closing(engine.connect(tmp_path / "new", Keyring((new, old)))) as db:
            keyed.check(db)
            (far,), hub = replications.listed(db, "", 9), upstreams.find(db, "hub")
            assert (far.paused, far.secret) == (True, "a word")
            assert hub is not None
            assert hub.secret == "a secret of ours"
        site.http.close()


def test_what_is_killed_goes_on(site: Site, tmp_path: Path) -> None:
    for number in range(60):
        site.push(f"more-{number}", Random(number).randbytes(200_000))
    new, random = tmp_path / "new", Random(3)
    assert kill_often(site.words("create", *site.config), random)
    site.create()
    assert site.run("verify").status == 0
    assert kill_often(site.words("restore", "--data", str(new)), random)
    done = site.run("restore", "--data", str(new))
    assert done.status == 0 or "holds a registry already" in done.error, done
    site.destroy()
    site.check("--data", str(new))


def test_nobody_serves_what_is_half_restored(site: Site, tmp_path: Path) -> None:
    made = site.create()
    new = tmp_path / "new"
    backup = document.read(FolderVault(Path(site.dest)), made["id"])
    (tags,) = backup.tables["tag"].parts
    (Path(site.dest) / tags.name).write_bytes(b"{}\n")
    refused = site.run("restore", "--data", str(new))
    assert refused.status == 2
    assert f"{tags.name} is not as it was written" in refused.error
    served = entrepot("serve", "--data", str(new), "--listen", "127.0.0.1:0")
    assert served.status == 2
    assert f"backup {made['id']}" in served.error
    assert "run entrepot backup restore again" in served.error


def test_a_registry_that_is_there_is_left_alone(site: Site) -> None:
    site.create()
    refused = site.run("restore", *site.config)
    assert refused.status == 2
    assert "holds a registry already" in refused.error
    site.pull(site.http)


def test_where_a_registry_may_be_it_is_asked_for_politely(site: Site, tmp_path: Path) -> None:
    site.create()
    assert site.json("restore", *site.config, "--if-empty")["backup"] is None
    found = site.json("restore", "--data", str(tmp_path / "new"), "--if-empty")
    assert found["tags"] == 5
    assert site.json("restore", "--data", str(tmp_path / "new"), "--if-empty")["backup"] is None


def test_two_do_not_restore_at_once(site: Site, tmp_path: Path) -> None:
    made, new = site.create(), tmp_path / "new"
    engine.prepare(new)
    with closing(engine.connect(new)) as db, db.exclusive():
        moving.mark_unfinished(db, f"backup {made['id']}")
        hold.take(db, "host 1 2 3 4", 60, lambda _: False)
    refused = site.run("restore", "--data", str(new), "--if-empty")
    assert refused.status == 1
    assert "restored, by host/1" in refused.error
    with closing(engine.connect(new)) as db, db.exclusive():
        hold.give_back(db, "host 1 2 3 4")
    assert site.json("restore", "--data", str(new))["tags"] == 5


@pytest.mark.parametrize("content", ["small", "large"])
def test_damage_stops_it_unless_the_rest_is_wanted(
    site: Site, tmp_path: Path, content: str
) -> None:
    site.create()
    digest = site.digest_of(content)
    file = Path(site.dest) / "blobs" / digest.replace(":", "/")
    file.write_bytes(b"x" + file.read_bytes()[1:])
    refused = site.run("restore", "--data", str(tmp_path / "new"))
    assert refused.status == 2
    assert f"{digest}: its bytes do not match the digest" in refused.error
    done = site.run("restore", "--data", str(tmp_path / "new"), "--without-damaged")
    assert done.status == 1, done
    assert digest in done.output
    site.destroy()
    new = Registry(tmp_path / "new", tmp_path / "new.log", {})
    new.start()
    with httpx.Client(base_url=new.url, auth=ADMIN.pair) as http:
        lost = http.get(f"/v2/{APP}/blobs/{digest}")
        assert lost.status_code == 404
        put_blob(http, APP, site.blobs[digest])
        site.pull(http)
    new.stop()
