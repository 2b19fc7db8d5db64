"""A registry moves to PostgreSQL and an S3 store while it serves: whole, and byte for byte."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from tests.accounts import ADMIN
from tests.cli.command import Done
from tests.content import dump, image, put_image, try_manifest
from tests.registry import Registry, serving
from tests.seaweed import Bucket
from tests.upkeep.filled import APP, Filled
from tests.upkeep.killing import killed
from tests.warm import entrepot

from entrepot.db import moving, place, tables
from entrepot.encryption.keys import MasterKey


class Moving(Filled):
    """A registry with something of everything in it, and the settings of where it goes."""

    def __init__(self, registry: Registry, here: Path, there: Path, url: str) -> None:
        super().__init__(registry)
        self.here = here
        self.there = there
        self.url = url

    @property
    def command(self) -> list[str]:
        return ["db", "copy", "--config", str(self.here), "--to", str(self.there)]

    def copy(self, *options: str) -> Done:
        return entrepot(*self.command, *options)

    def check(self, data: str = "new") -> None:
        """All of it is at the other place."""
        folder, settings = self.there.parent, {"ENTREPOT_CONFIG": str(self.there)}
        self.check_served(Registry(folder / data, folder / "new.log", settings))
        done = entrepot("check", "--config", str(self.there))
        assert (done.status, done.output) == (0, "0 damaged, 0 leftovers\n"), done


def write(file: Path, settings: dict[str, str]) -> None:
    file.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in settings.items()))


@pytest.fixture(params=["plain", "encrypted"])
def moved(
    request: pytest.FixtureRequest, tmp_path: Path, database_url: str, bucket: Bucket
) -> Iterator[Moving]:
    there = tmp_path / "new.toml"
    lines = {"data": str(tmp_path / "new"), "database_url": database_url, **bucket.settings}
    extra: dict[str, str] = {}
    if request.param == "encrypted":
        keys = tmp_path / "keys"
        keys.touch(0o600)
        keys.write_text(f"{MasterKey.new().line}\n")
        extra = {"encryption_key_file": str(keys)}
    write(there, {**lines, **extra})
    here = tmp_path / "old.toml"
    write(here, {"data": str(tmp_path / "old" / "data"), **extra})
    settings: dict[str, str | int | bool | Path] = {
        "admin_password": ADMIN.secret,
        "dangerously_without_accounts": False,
        **extra,
    }
    with serving(tmp_path / "old", **settings) as registry:
        found = Moving(registry, here, there, database_url)
        found.fill()
        yield found
        found.http.close()


def test_all_of_it_moves_and_the_old_place_serves_pulls_alone(moved: Moving) -> None:
    done = moved.copy("--verify", "--json")
    assert (done.status, done.error) == (0, ""), done
    document = json.loads(done.output)
    assert document["objects"] >= 3
    assert document["source"]["frozen"]
    moved.pull(moved.http)
    refused = moved.http.post(f"/v2/{APP}/blobs/uploads/")
    assert refused.status_code == 503
    assert refused.json()["errors"][0]["message"] == moving.WORDS
    assert try_manifest(moved.http, APP, "new", dump(image(b"small"))).status_code == 503
    assert moved.http.delete(f"/v2/{APP}/manifests/1").status_code == 503
    problem = moved.http.post("/api/v1/users", json={"name": "late"})
    assert (problem.status_code, problem.json()["detail"]) == (503, moving.WORDS)
    status = entrepot("db", "status", "--data", str(moved.registry.data))
    assert "frozen" in status.output
    moved.check()
    again = moved.copy()
    assert again.status == 2
    assert "holds a registry already" in again.error
    thawed = entrepot("db", "thaw", "--data", str(moved.registry.data))
    assert thawed.status == 0, thawed
    put_image(moved.http, APP, "thawed", b"pushed again")


def test_it_moves_back_into_a_folder(moved: Moving, tmp_path: Path) -> None:
    assert moved.copy().status == 0
    moved.here, moved.there = moved.there, tmp_path / "back.toml"
    keys = [line for line in moved.here.read_text().splitlines() if "encryption" in line]
    moved.there.write_text("\n".join([f'data = "{tmp_path}/back"', *keys, ""]))
    done = moved.copy("--verify")
    assert (done.status, done.error) == (0, ""), done
    moved.check("back")


def test_without_the_keys_nothing_is_moved_nor_frozen(moved: Moving, tmp_path: Path) -> None:
    if "encryption" not in moved.here.read_text():
        pytest.skip("nothing is encrypted")
    moved.there = tmp_path / "keyless.toml"
    moved.there.write_text(f'data = "{tmp_path}/keyless"\n')
    done = moved.copy()
    assert done.status == 2
    assert "the target's settings need the encryption keys of the source" in done.error
    put_image(moved.http, APP, "still", b"pushed")


def test_what_is_killed_goes_on(moved: Moving) -> None:
    random, kills = Random(7), 0
    for _ in range(6):
        kills += killed(moved.command, random.uniform(0, 1.2))
        if not _is_unfinished(moved.url):
            continue
        served = entrepot("serve", "--config", str(moved.there), "--listen", "127.0.0.1:0")
        assert served.status == 2
        moved.pull(moved.http)
    assert kills
    done = moved.copy("--verify")
    assert done.status == 0 or "already" in done.error, done
    moved.check()


def _is_unfinished(url: str) -> bool:
    found = place.find(Path(), url)
    if not found.exists():
        return False
    with closing(found.connect()) as db:
        return moving.unfinished(db) is not None


def test_tables_come_after_what_they_refer_to() -> None:
    names = [table.name for table in tables.tables()]
    assert names.index("repository") < names.index("manifest") < names.index("edge")
    assert names.index("trash") < names.index("repository")
    assert all(table.key for table in tables.tables())
