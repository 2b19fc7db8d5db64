"""The server makes backups by itself: one of its processes, and again where that fails."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from tests.accounts import ADMIN
from tests.content import digest, put_image
from tests.registry import Registry, serving
from tests.upkeep.backup.site import Site, write
from tests.upkeep.filled import BIG
from tests.upkeep.spoilt import spoil
from tests.warm import entrepot

from entrepot.blobstore.place import Place
from entrepot.db import engine, hold
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.upkeep.backup.order import Order, lines_of
from entrepot.upkeep.backup.scheduled import _CHILD as CHILD
from entrepot.upkeep.backup.scheduled import JOB

AT = f"{(time.gmtime().tm_hour + 12) % 24:02}:00"
"""Far from now, whatever the hour."""


@pytest.fixture
def nightly(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A registry of one process, or so many, that makes backups by a key of their own."""
    keys = {"encryption_key_file": tmp_path / "keys", "backup_key_file": tmp_path / "backup-keys"}
    for file in keys.values():
        file.touch(0o600)
        file.write_text(f"{MasterKey.new().line}\n")
    settings: dict[str, str | int | bool | Path]
    settings = {"backup_to": tmp_path / "dest", "backup_at": AT, "backup_keep": 2, **keys}
    with serving(
        tmp_path / "old",
        admin_password=ADMIN.secret,
        dangerously_without_accounts=False,
        workers=getattr(request, "param", 1),
        **settings,
    ) as registry:
        found = Site(registry, tmp_path, "")
        found.config = write(tmp_path / "old.toml", data=registry.data, **settings)
        yield found
        found.http.close()


def job(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = site.http.get(f"/api/v1/jobs/{JOB}").json()
    return found


def until(site: Site, note: str, field: str = "note") -> dict[str, Any]:
    """The job, once it says so."""
    end = time.monotonic() + 60
    while note not in (found := job(site))[field]:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def made(site: Site) -> list[dict[str, Any]]:
    done = entrepot("backup", "list", "--config", site.config[1], "--json")
    assert done.status == 0, done
    rows: list[dict[str, Any]] = json.loads(done.output)
    return rows


def audited(site: Site) -> list[dict[str, Any]]:
    """Rows of the audit, the newest first."""
    found = site.http.get("/api/v1/audit", params={"action": "backup create"}).json()
    rows: list[dict[str, Any]] = found["items"]
    return rows


def again(site: Site) -> dict[str, Any]:
    """Have one made."""
    before = job(site)["ended_at"]
    site.http.post(f"/api/v1/jobs/{JOB}/run").raise_for_status()
    end = time.monotonic() + 60
    while (found := job(site))["ended_at"] == before or found["by"] or found["asked"]:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def test_an_order_arrives_as_it_was_given() -> None:
    bucket = Place("s3", "blobs", "a/b", "https://s3.test", "eu-1", Path("/ca.pem"), "path")
    keys = lines_of(Keyring((MasterKey.new(), MasterKey.new())))
    url = "postgresql://u:p@h/d"
    for storage in (bucket, None):
        order = Order("s3://backups", bucket, 3, Path("data"), storage, url, keys, "")
        assert Order.parse(order.dump()) == order
        assert keys not in repr(order)
        assert url not in repr(order)


def test_whoever_makes_it_ends_with_a_server_that_was_started_in_the_background(
    site: Site, tmp_path: Path
) -> None:
    """Shells have such a one ignore interrupts."""
    data, dest, nowhere = site.registry.data, tmp_path / "dest", Place("", "")
    order = Order(str(dest), nowhere, 1, data, None, "", "", "")
    shell = ("sh", "-c", "trap '' INT; exec \"$@\"", "sh")
    with subprocess.Popen([*shell, *CHILD], stdin=PIPE, stdout=PIPE) as child:
        said, _ = child.communicate(order.dump(), timeout=60)
    assert (child.returncode, b'"made"' in said) == (1, False)
    assert list(dest.rglob("backup.json")) == []


def test_damage_is_told_and_nothing_is_pruned(nightly: Site) -> None:
    until(nightly, "0 tags")
    again(nightly)
    nightly.fill()
    spoil(nightly.registry.data, BIG)
    found = again(nightly)
    assert "1 content is damaged: entrepot check" in found["note"]
    assert found["state"] == "waiting", "another would have no more"
    assert len(made(nightly)) == 3
    assert f"lacks what is damaged in the registry, 1 content, such as {digest(BIG)}" in (
        nightly.registry.log.read_text()
    )


def test_where_older_ones_cannot_go_it_is_told_and_not_made_again_and_again(nightly: Site) -> None:
    until(nightly, "0 tags")
    nightly.fill()
    again(nightly)
    for part in (nightly.folder / "dest" / "sealed" / "parts").iterdir():
        part.write_bytes(bytes(part.stat().st_size))
    found = again(nightly)
    assert found["state"] == "waiting", found
    assert found["next_at"].endswith(f"T{AT}:00Z")
    assert "; older ones cannot go: backup " in found["note"]
    assert "is made, but older ones cannot be pruned: " in nightly.registry.log.read_text()
    assert len(made(nightly)) == 3


@pytest.mark.parametrize("nightly", [2], indirect=True, ids=["two-processes"])
def test_it_makes_them_and_all_of_it_comes_back(nightly: Site) -> None:
    found = until(nightly, "0 tags")
    assert found["next_at"].endswith(f"T{AT}:00Z")
    assert len(made(nightly)) == 1, "of two processes one makes it"
    nightly.fill()
    found = again(nightly)
    assert (found["state"], "5 tags" in found["note"]) == ("waiting", True), found
    again(nightly)
    assert [each["tags"] for each in made(nightly)] == [5, 5], "two are kept"
    (row, *_) = nightly.http.get("/api/v1/audit", params={"action": "backup create"}).json()[
        "items"
    ]
    assert row["reference"] == f"{made(nightly)[-1]['id']} {nightly.folder / 'dest'}"
    assert entrepot("backup", "verify", *nightly.config).status == 0
    nightly.destroy()
    restored = entrepot("backup", "restore", *nightly.config)
    assert restored.status == 0, restored
    settings = {"ENTREPOT_CONFIG": nightly.config[1]}
    nightly.check_served(Registry(nightly.registry.data, nightly.folder / "new.log", settings))


def test_what_fails_is_told_and_tried_again(nightly: Site) -> None:
    until(nightly, "0 tags")
    dest = nightly.folder / "dest"
    dest.rename(nightly.folder / "away")
    dest.write_text("a file is no folder")
    assert again(nightly)["state"] == "failed"
    found = until(nightly, str(dest), "error")
    assert found["next_at"] is not None
    assert [row["result"] for row in audited(nightly)] == ["failed", "ok"]
    assert f"job {JOB} failed: " in nightly.registry.log.read_text()
    counted = f'entrepot_job_runs_total{{job="{JOB}",result="failed"}}'
    end = time.monotonic() + 60
    while counted not in nightly.http.get("/metrics").text:  # the other process may have done it
        assert time.monotonic() < end
        time.sleep(0.1)
    dest.unlink()
    (nightly.folder / "away").rename(dest)
    assert again(nightly)["state"] == "waiting"
    assert len(made(nightly)) == 2


def test_it_waits_for_another_and_stops_with_the_server(nightly: Site) -> None:
    until(nightly, "0 tags")
    with closing(engine.connect(nightly.registry.data)) as db, db.exclusive():
        hold.take(db, "host 1 2 3 4", 60, lambda _: False)
    nightly.http.post(f"/api/v1/jobs/{JOB}/run").raise_for_status()
    until(nightly, "waits: ")
    nightly.registry.stop()
    with closing(engine.connect(nightly.registry.data)) as db, db.exclusive():
        hold.give_back(db, "host 1 2 3 4")
    nightly.registry.start()
    until(nightly, "0 tags")
    assert len(made(nightly)) == 2, "it was handed back, and is caught up"


def test_it_is_stopped_in_its_work(nightly: Site) -> None:
    until(nightly, "0 tags")
    nightly.http.post("/api/v1/projects", json={"name": "team"}).raise_for_status()
    for number in range(80):
        put_image(nightly.http, "team/app", str(number), b"%d" % number * 20_000)
    end = time.monotonic() + 60
    with closing(engine.connect(nightly.registry.data)) as db:
        while not db.execute("select 1 from job where name = 'backup'").fetchone():
            assert time.monotonic() < end
            if not ((found := job(nightly))["by"] or found["asked"]):  # or it was faster
                nightly.http.post(f"/api/v1/jobs/{JOB}/run").raise_for_status()
        nightly.registry.stop()
        assert db.execute("select 1 from job where name = 'backup'").fetchone() is None
    assert list((nightly.folder / "dest").rglob("create-*")) == []
    nightly.registry.start()
    until(nightly, "80 tags")
