"""What cosign itself has made (v2.6.1), in each of its formats, kept as it came from a registry."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.db.pushed import blob

from entrepot.db import manifests, signers
from entrepot.db.connection import Connection
from entrepot.db.signers import Signer
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Tag
from entrepot.signatures import valid
from entrepot.signatures.valid import Place

MADE = json.loads(Path(__file__).with_name("cosign-2.6.1.json").read_text())


def push(db: Connection, place: Place, found: Any) -> str:
    for content in found["blobs"]:
        blob(db, content.encode(), place[1])
    read = Manifest.read(found["manifest"].encode(), "")
    tags = [Tag(found["tag"])] if found["tag"] else []
    manifests.put(db, place[1], read, tags, sparse=False)
    return str(read.digest)


@pytest.mark.parametrize("how", ["tag", "referrer", "bundle"])
def test_cosigns_signatures_are_good(db: Connection, app: Place, how: str) -> None:
    digest = push(db, app, MADE["image"])
    terms = json.dumps({"pem": MADE["key"]})
    signers.put(db, Signer("team", "ci", "team/*", "key", terms), "user:ada")
    assert valid.signers(db, app, digest) == frozenset()
    push(db, app, MADE[how])
    assert valid.signers(db, app, digest) == {"ci"}
    [found] = valid.judged(db, app, digest)
    assert found.why() == ""
