"""`entrepot check --repair`: what can be mended is, and nothing else is touched."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.command import Done
from tests.content import digest, put_blob
from tests.crash.connection import Connection
from tests.crash.ledger import Ledger
from tests.crash.pusher import Pusher
from tests.db.pushed import APP, settled
from tests.registry import StartRegistry, environment
from tests.upkeep.conftest import Folder, keep
from tests.upkeep.killing import killed
from tests.upkeep.test_check import DAMAGE, run
from tests.upkeep.test_scrub import GOOD, LAYER, House, flip, housed
from tests.warm import entrepot

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.cli.check import _findings as findings_of
from entrepot.cli.check import _mend as mend
from entrepot.db import (
    blobs,
    channels,
    faults,
    floating_rules,
    immutable_rules,
    moving,
    quarantine,
    quotas,
)
from entrepot.db.blobs import Blob
from entrepot.db.pieces import Piece
from entrepot.db.place import find
from entrepot.upkeep.mends import BY

OTHERS = {"blob missing", "link missing", "row without its repository", "no database"} | {
    f"{what} malformed" for what in ("manifest digest", "blob digest", "object name")
}
"""What no repair can mend: it takes a push or a backup."""

STALE: dict[str, tuple[str, str]] = {
    "too much": ("update project_usage set bytes = bytes + 5", "project team: what it takes"),
    "too few tags": ("update project_usage set tags = 0", "project team: what it takes"),
    "links": ("update project_blob set links = links + 1", "project team: what it takes"),
    "nobody's": (
        "insert into project_usage (project, bytes, tags) values ('gone', 7, 0)",
        "project gone: what it takes",
    ),
    "not listed": ("update repository set listed = 0", "team/app: the catalog is wrong"),
    "a link that nobody needs": (
        "delete from edge; update repository_blob set idle_since = null",
        "collector: 0 manifests and 2 blobs that nothing keeps",
    ),
    "a manifest that nobody needs": (
        "delete from tag",
        "collector: 1 manifests and 0 blobs that nothing keeps",
    ),
}


Env = dict[str, Any]


def check(data: Path, *options: str, env: Env | None = None) -> Done:
    return entrepot("check", "--data", str(data), *options, **(env or {}))


def repair(data: Path, *options: str, env: Env | None = None) -> Done:
    done = check(data, "--repair", "--yes", *options, env=env)
    assert "Traceback" not in done.error, done.error
    return done


MENDABLE = {name: spoil for name, (spoil, _, _) in DAMAGE.items() if name not in OTHERS}
MENDABLE.pop("pages lost")


@pytest.mark.parametrize("spoil", MENDABLE.values(), ids=MENDABLE)
def test_damaged_content_is_put_aside_and_said_to_be_there(
    folder: Folder, spoil: Callable[[Folder], None]
) -> None:
    another(folder)
    spoil(folder)
    done = repair(folder.data, "--json")
    damaged = damages(done)
    assert all(each["mended"] == (each["mend"] is not None) for each in damaged)
    assert any(each["mended"] for each in damaged)
    assert done.status == any(each["mend"] != TAG for each in damaged)
    again = check(folder.data, "--json")
    for each in map(json.loads, again.output.splitlines()):
        assert each["mend"] is None, "what could be mended was"
        assert "it is in quarantine: " in each["what"] or "is missing" in each["what"]


def another(folder: Folder) -> None:
    """A blob that is well: where nothing is, the store is taken for another."""
    name, found = keep(folder.store, b"more" * 10_000)
    settled(folder.db, name, name, 40_000)
    blobs.add(folder.db, APP, found, Blob(40_000, None, name), renew=False)


TAG = "remove the tag; the audit keeps what it pointed to"


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_what_cannot_be_mended_is_left_alone(folder: Folder, name: str) -> None:
    if "malformed" not in name:
        another(folder)
    DAMAGE[name][0](folder)
    before = check(folder.data, "--json")
    assert repair(folder.data).status == 1
    if name == "link missing":  # which makes a count wrong as well, and that is mended
        assert damages(check(folder.data, "--json")) == damages(before)
    else:
        assert check(folder.data, "--json") == before


def damages(done: Done) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in done.output.splitlines()]
    return [each for each in found if each["kind"] == "damage"]


@pytest.mark.parametrize(("statement", "what"), STALE.values(), ids=STALE)
def test_what_is_stale_is_made_right(folder: Folder, statement: str, what: str) -> None:
    run(*statement.split(";"))(folder)
    before = check(folder.data)
    assert f"stale    {what}" in before.output, before.output
    assert before.status == 0, "no client notices"
    done = repair(folder.data)
    assert done.status == 0
    assert "mended: " in done.output
    assert "stale" not in check(folder.data).output


def test_the_plan_is_shown_and_asked_about(folder: Folder) -> None:
    another(folder)
    folder.file.unlink()
    name, _ = keep(folder.store, b"nobody's")
    asked = check(folder.data, "--repair")
    assert asked.status == 2
    assert "Say --yes" in asked.error
    assert "1 times: put it in quarantine" in asked.error
    planned = check(folder.data, "--repair", "--dry-run")
    assert planned.status == 1
    assert f"{name}: 8 bytes that no row names; --repair would delete it" in planned.output
    assert "; mended: " not in planned.output
    assert check(folder.data).output.count("quarantine") == 0, "nothing was done"
    done = repair(folder.data)
    assert done.output.splitlines()[-1] == "1 damaged, 1 leftovers, 2 mended"


def test_a_store_that_is_another_is_not_taken_for_damage(folder: Folder, tmp_path: Path) -> None:
    """Else one wrong setting would put every image aside."""
    folder.store.folder.rename(tmp_path / "away")
    DiskStore(folder_of(folder.data)).prepare()
    done = repair(folder.data)
    assert done.status == 2
    assert "is it another one?" in done.error
    (tmp_path / "away").rename(tmp_path / "back")
    folder.store.folder.rename(tmp_path / "empty")
    (tmp_path / "back").rename(folder.store.folder)
    assert check(folder.data).status == 0


def came_back(folder: Folder) -> None:
    """Put aside while its disk was away."""
    content = folder.file.read_bytes()
    folder.file.unlink()
    assert repair(folder.data).status == 1
    folder.file.write_bytes(content)


def emptied(folder: Folder) -> None:
    """A manifest, and a small blob, that the scrub took for damaged."""
    for kind in quarantine.Kind:
        for kept in faults.contents(folder.db, kind):
            with folder.db.exclusive():
                assert quarantine.quarantine(folder.db, kept, "test")


@pytest.mark.parametrize("lose", [came_back, emptied])
def test_what_turns_out_whole_is_taken_back(folder: Folder, lose: Callable[[Folder], None]) -> None:
    another(folder)
    lose(folder)
    lost = check(folder.data)
    assert "it is in quarantine, and whole again; repair it" in lost.output
    assert "whole again" not in check(folder.data, "--no-read").output, "nobody has looked"
    assert repair(folder.data).status == 0
    assert check(folder.data) == Done(0, "0 damaged, 0 leftovers\n", "")
    assert folder.db.execute("select count(*) from quarantine").fetchone() == (0,)


def test_what_comes_back_while_it_asks_is_not_put_aside(folder: Folder) -> None:
    another(folder)
    content = folder.file.read_bytes()
    folder.file.unlink()
    place = find(folder.data)
    found = findings_of(place, folder.store, read=True)
    folder.file.write_bytes(content)
    assert mend(place, folder.store, found, dry_run=False, yes=True) == set()
    assert check(folder.data).status == 0


def test_a_registry_that_is_moved_is_left_alone(folder: Folder) -> None:
    keep(folder.store, b"nobody's")
    with folder.db.exclusive():
        moving.freeze(folder.db, "there", BY)
    assert "is being moved, and lies still" in repair(folder.data).error
    with folder.db.exclusive():
        moving.thaw(folder.db, BY)
        moving.mark_unfinished(folder.db, "elsewhere")
    assert "is not finished: run entrepot db copy again" in repair(folder.data).error
    assert folder.db.execute("select count(*) from garbage").fetchone() == (0,)


def test_an_immutable_tag_stays(folder: Folder) -> None:
    """Whoever made it so wants to know that its image is lost."""
    DAMAGE["tag dangling"][0](folder)
    immutable_rules.add(folder.db, "team/*", immutable_rules.Kind.ALL, by="user:x")
    done = repair(folder.data)
    assert done.status == 1
    assert f"mended: {TAG}" not in done.output
    assert folder.db.execute("select count(*) from tag").fetchone() == (1,)
    assert quotas.miscounted(folder.db) == []


def test_a_tag_that_floats_goes_where_its_image_is_lost(folder: Folder) -> None:
    """It stands for nothing then, and comes back with the next version."""
    DAMAGE["tag dangling"][0](folder)
    folder.db.execute("update tag set floats = '1.0.0'")
    floating_rules.put(folder.db, "team/*", floating_rules.Asked(latest=True), "user:x")
    assert repair(folder.data).status == 0
    assert folder.db.execute("select count(*) from tag").fetchone() == (0,)


def test_a_channel_stays(folder: Folder) -> None:
    """Whoever runs it promotes another version."""
    DAMAGE["tag dangling"][0](folder)
    [name] = folder.db.execute("select name from tag").fetchone()
    channels.put(folder.db, "team", (name,), "user:x")
    assert repair(folder.data).status == 1
    assert folder.db.execute("select count(*) from tag").fetchone() == (1,)


def test_a_healthy_folder_is_left_alone(folder: Folder) -> None:
    assert repair(folder.data) == Done(0, "0 damaged, 0 leftovers\n", "")


@pytest.fixture(params=["disk", "objects"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    settings: dict[str, Any] = {"upkeep_pause": 0.2}
    bucket = None
    if request.param == "objects":
        bucket = request.getfixturevalue("bucket")
        settings |= {**bucket.settings, "database_url": request.getfixturevalue("database_url")}
    with housed(tmp_path / "data", bucket, **settings) as found:
        yield found


@pytest.fixture
def env(house: House, request: pytest.FixtureRequest) -> Env:
    """The settings of its registry, as the environment says them to a command."""
    if house.bucket is None:
        return {}
    url = {"database_url": str(request.getfixturevalue("database_url"))}
    return {**environment({**house.bucket.settings, **url})}


@pytest.mark.parametrize("change", [flip, lambda _: None], ids=["changed", "gone"])
def test_beside_a_server_a_push_heals_what_was_put_aside(
    house: House, env: Env, change: Callable[[bytes], bytes | None]
) -> None:
    data = house.served.folder
    assert house.pull(LAYER).status_code == 200
    house.spoil(LAYER, change)
    house.ask(lambda db: db.execute("update project_usage set bytes = 1"))
    assert repair(data, env=env).status == 1
    assert house.pull(LAYER).status_code == 404
    assert house.pull(LAYER, method="HEAD").status_code == 404
    assert house.pull(GOOD).status_code == 200
    put_blob(house.client, "team/app", LAYER)
    for name in ("team/app", "team/other"):
        assert house.pull(LAYER, name).content == LAYER
    assert repair(data, env=env).status == 0
    assert house.ask(quotas.miscounted) == []


def test_leftovers_go_and_what_is_needed_stays(house: House, env: Env) -> None:
    house.ask(lambda db: db.execute("delete from piece where name = ?", (house.object(LAYER),)))
    done = repair(house.served.folder, "--json", env=env)
    kinds = {each["kind"] for each in map(json.loads, done.output.splitlines())}
    assert kinds == {"damage", "leftover"}
    put_blob(house.client, "team/app", LAYER)
    assert house.pull(LAYER).content == LAYER
    for _ in range(600):
        last = check(house.served.folder, env=env)
        if "leftovers" in last.output and last.status == 0:
            break
        time.sleep(0.1)
    assert last.output == "0 damaged, 0 leftovers\n"


def test_nothing_that_others_push_meanwhile_is_lost(start_registry: StartRegistry) -> None:
    registry = start_registry(upkeep_pause="0.02", access_log=False)
    pushers = [Pusher(registry.address, Ledger(f"load/{n}"), n) for n in range(3)]
    for pusher in pushers:
        pusher.start()
    said: list[Done] = []
    over = threading.Event()

    def mend() -> None:
        while not over.is_set():
            said.append(repair(registry.data))

    mending = threading.Thread(target=mend)
    mending.start()
    assert not over.wait(8)
    over.set()
    mending.join(60)
    for pusher in pushers:
        pusher.stop()
        pusher.join(60)
        assert pusher.error is None
    assert {(done.status, done.output) for done in said} == {(0, "0 damaged, 0 leftovers\n")}
    with Connection(registry.address) as at:
        for pusher in pushers:
            pusher.ledger.verify(at)


@pytest.mark.parametrize("seed", range(3))
def test_killed_in_the_middle_the_next_one_goes_on(folder: Folder, seed: int) -> None:
    for number in range(300):
        keep(folder.store, b"leftover %d" % number)
    folder.file.write_bytes(flip(folder.file.read_bytes()))
    command = ["check", "--data", str(folder.data), "--repair", "--yes"]
    killed(command, random.Random(seed).uniform(0, 0.5))
    assert repair(folder.data).status == 1
    assert "leftover" not in check(folder.data, "--json").output
    assert "it is in quarantine: the bytes in" in check(folder.data).output
    [count] = folder.db.execute("select count(*) from garbage").fetchone()
    assert count == 300
    assert folder.store.size(Piece(folder.object)) == len(LAYER_OF_FOLDER)


LAYER_OF_FOLDER = b"layer" * 20_000


def test_a_blob_of_another_s_is_not_linked_to_whoever_names_it(folder: Folder) -> None:
    """Where parts may be missing, anyone can push a manifest that names what is not theirs."""
    folder.db.execute("insert into repository (name, listed, created_at) values ('spy/x', 1, 0)")
    folder.db.execute("update manifest set repository = (select max(id) from repository)")
    folder.db.execute("update edge set repository = (select max(id) from repository)")
    repair(folder.data)
    spied = "select count(*) from repository_blob x join repository r on r.id = x.repository "
    assert folder.db.execute(f"{spied} where r.name = 'spy/x'").fetchone() == (0,)
    assert digest(LAYER_OF_FOLDER) == str(folder.layer)
