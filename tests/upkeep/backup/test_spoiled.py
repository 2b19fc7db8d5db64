"""Rows that the disk has spoiled cost a backup these rows alone."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.content import put_image
from tests.registry import MANIFESTS, Registry, serving
from tests.upkeep.backup.site import Site, write

from entrepot.db import engine
from entrepot.encryption.keys import Keyring, MasterKey

APP = "team/app"
NOTE = {"by": "someone"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A registry with a key, a signed image and its signature, which does not run any more."""
    key, keys = MasterKey.new(), tmp_path / "keys"
    keys.touch(0o600)
    keys.write_text(f"{key.line}\n")
    with serving(tmp_path / "old", encryption_key_file=keys) as registry:
        found = Site(registry, tmp_path, str(tmp_path / "dest"))
        found.config = write(tmp_path / "old.toml", data=registry.data, encryption_key_file=keys)
        image = put_image(found.http, APP, "1", b"a layer")
        subject = {"mediaType": MANIFESTS.split(", ")[1], "digest": image, "size": 1}
        found.digests["1"] = image
        found.digests["signature"] = put_image(
            found.http, APP, "signature", b"signed", subject=subject, annotations=NOTE
        )
        registry.stop()
        found.http.close()
        with closing(engine.connect(registry.data, Keyring((key,)))) as db:
            db.execute("update manifest set annotations = 'c3BvaWxlZA==' where subject is not null")
        yield found


def keys_of(site: Site) -> dict[str, Path]:
    return {"encryption_key_file": site.folder / "keys"}


def referrers(site: Site, folder: Path) -> list[dict[str, Any]]:
    """Of the image, as a server on what was restored shows them."""
    new = Registry(folder, folder.with_suffix(".log"), site.registry.settings)
    new.start()
    try:
        found = httpx.get(f"{new.url}/v2/{APP}/referrers/{site.digests['1']}").json()
        new.stop()
    finally:
        new.kill()
    listed: list[dict[str, Any]] = found["manifests"]
    return listed


def test_annotations_come_back_from_their_manifest(site: Site, tmp_path: Path) -> None:
    assert site.create()["lost"] == []
    config = write(tmp_path / "new.toml", data=tmp_path / "new", **keys_of(site))
    assert site.json("restore", *config)["lost"] == []
    (found,) = referrers(site, tmp_path / "new")
    assert found["annotations"] == NOTE


def test_what_is_lost_with_its_manifest_holds_up_nothing_else(site: Site, tmp_path: Path) -> None:
    with closing(engine.connect(site.registry.data)) as db:
        db.execute("update manifest set content = 'spoiled' where subject is not null")
    done = site.run("create", *site.config, "--json")
    lost = [site.digests["signature"]]
    assert (done.status, json.loads(done.output)["lost"]) == (3, lost), done
    config = write(tmp_path / "new.toml", data=tmp_path / "new", **keys_of(site))
    restored = site.run("restore", *config, "--json")
    assert (restored.status, json.loads(restored.output)["lost"]) == (1, lost), restored
    (found,) = referrers(site, tmp_path / "new")
    assert "annotations" not in found
