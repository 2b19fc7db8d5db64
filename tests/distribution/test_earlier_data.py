"""A folder as an earlier Entrepot left it: one object for a blob, named by its row alone."""

import os
from contextlib import closing
from pathlib import Path

from tests.content import begin, digest, put_blob
from tests.served import Serve
from tests.waiting import until

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.db import place
from entrepot.db.schema import SCRIPTS, statements
from entrepot.upkeep.check import findings

CONTENT, PART = os.urandom(400_000), os.urandom(50_000)
BLOB, UPLOAD, CUT = "ab" * 16, "cd" * 16, "ef" * 16


def folder(path: Path) -> Path:
    """With a blob, an upload that stands, and one that was cut in its first request."""
    where, store = place.find(path), DiskStore(folder_of(path))
    path.mkdir()
    store.prepare()
    for name, content in ((BLOB, CONTENT), (UPLOAD, PART + b"more"), (CUT, b"some")):
        store.path(name).write_bytes(content)
    with closing(where.connect()) as db:
        for script in SCRIPTS[:2]:
            for statement in statements(script, "sqlite"):
                db.execute(statement)
        db.execute("insert into repository (id, name, created_at) values (1, 'team/app', 0)")
        db.execute(
            "insert into blob (id, digest, size, object, created_at) values (1, ?, ?, ?, 0)",
            (digest(CONTENT), len(CONTENT), BLOB),
        )
        db.execute("insert into repository_blob values (1, 1)")
        for name, size in ((UPLOAD, len(PART)), (CUT, 0)):
            db.execute(
                "insert into upload (id, repository, algorithm, size, touched_at) "
                "values (?, 'team/app', 'sha256', ?, unixepoch())",
                (name, size),
            )
        db.execute("pragma user_version = 2")
    return path


def test_blobs_are_served_and_uploads_begin_anew(serve: Serve, tmp_path: Path) -> None:
    data = folder(tmp_path / "earlier")
    served = serve(data=data, upkeep_pause=0.05)
    client, path = served.client, f"/v2/team/app/blobs/{digest(CONTENT)}"
    assert client.get(path).content == CONTENT
    assert client.head(path).headers["content-length"] == str(len(CONTENT))
    part = client.get(path, headers={"range": "bytes=100000-100009"})
    assert (part.status_code, part.content) == (206, CONTENT[100_000:100_010])
    put_blob(client, "team/other", CONTENT)
    stands = f"/v2/team/app/blobs/uploads/{UPLOAD}"
    assert client.get(stands).status_code == 404
    rest = client.put(f"/v2/team/app/blobs/uploads/{CUT}?digest={digest(PART)}", content=PART)
    assert rest.status_code == 201
    assert client.patch(begin(client, "team/app"), content=PART).status_code == 202
    store = DiskStore(folder_of(data))
    until(lambda: not {UPLOAD, CUT} & {name for name, _ in store.objects()})
    with closing(place.find(data).connect()) as db:
        assert list(findings(db, store, read=True)) == []
