"""Backups of older schemas come back; schema9.tar.gz is one that a version with schema 9 made."""

import json
import tarfile
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.accounts import ADMIN
from tests.content import digest
from tests.registry import MANIFESTS, Registry
from tests.upkeep.backup.site import write
from tests.warm import entrepot

from entrepot.blobstore.place import Place
from entrepot.db import engine, place
from entrepot.db.schema import VERSION
from entrepot.upkeep.backup import document
from entrepot.upkeep.backup.vault import vault_at

LARGE = b"large " * 20_000


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    with tarfile.open(Path(__file__).parent / "schema9.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "dest"


def check(data: Path, log: Path, settings: dict[str, str], url: str = "") -> None:
    with closing(place.find(data, url).connect()) as db:  # of what is long over by now
        db.execute("update trash set until = ?", (time.time() + 3600,))
    registry = Registry(data, log, settings)
    registry.start()
    try:
        with httpx.Client(base_url=registry.url, auth=ADMIN.pair, timeout=30) as http:
            for tag in ("1.0.0", "1.1.0", "moved"):
                found = http.get(f"/v2/team/app/manifests/{tag}", headers={"accept": MANIFESTS})
                assert digest(found.content) == found.headers["docker-content-digest"]
                layer = found.json()["layers"][0]["digest"]
                content = http.get(f"/v2/team/app/blobs/{layer}").content
                assert content == (b"small" if tag == "1.0.0" else LARGE)
            history = http.get(
                "/api/v1/tags/history", params={"repository": "team/app", "tag": "moved"}
            )
            assert len(history.json()["items"]) == 2
            trash = http.get("/api/v1/trash", params={"repository": "team/app"}).json()["items"]
            assert [each["reference"] for each in trash] == ["gone"]
            assert http.get("/api/v1/upstreams").json()["items"] == []
            assert http.get("/api/v1/replications").json()["items"] == []
        reader = ("reader", "a reader's own words")
        assert httpx.get(f"{registry.url}/v2/team/app/tags/list", auth=reader).status_code == 200
        registry.stop()
    finally:
        registry.kill()


def test_it_comes_back_into_a_folder(dest: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    assert json.loads((next(dest.glob("backups/*")) / "backup.json").read_text())["schema"] == 9
    done = entrepot("backup", "restore", str(dest), "--data", str(new))
    assert done.status == 0, done
    with closing(engine.connect(new)) as db:
        assert engine.version(db) == VERSION
    checked = entrepot("check", "--data", str(new))
    assert (checked.status, checked.output) == (0, "0 damaged, 0 leftovers\n"), checked
    check(new, tmp_path / "new.log", {})
    again = entrepot("backup", "create", str(dest), "--data", str(new))
    assert again.status == 0, again
    assert entrepot("backup", "verify", str(dest)).status == 0


def test_it_comes_back_into_postgresql(dest: Path, tmp_path: Path, database_url: str) -> None:
    config = write(tmp_path / "new.toml", data=tmp_path / "new", database_url=database_url)
    done = entrepot("backup", "restore", str(dest), *config)
    assert done.status == 0, done
    check(tmp_path / "new", tmp_path / "new.log", {"ENTREPOT_CONFIG": config[1]}, database_url)


def test_a_newer_one_says_what_to_do(dest: Path, tmp_path: Path) -> None:
    vault = vault_at(str(dest), Place("", ""))
    found = document.read(vault, "")
    newer = document.Backup(
        **{
            name: getattr(found, name)
            for name in found.__dataclass_fields__
            if name not in ("schema", "version")
        },
        schema=VERSION + 1,
        version="7.0.0",
    )
    (dest / found.folder / document.FILE).write_bytes(newer.dump())
    done = entrepot("backup", "restore", str(dest), "--data", str(tmp_path / "new"))
    assert done.status == 2
    assert f"has schema {VERSION + 1}, this Entrepot knows {VERSION}: restore" in done.error
    assert "Entrepot 7.0.0, which made it, or a newer one" in done.error
    assert not (tmp_path / "new").exists()
