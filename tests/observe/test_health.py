"""Alive, and ready or not."""

import shutil
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.content import put_blob
from tests.served import Serve
from tests.tools import as_root, run

from entrepot.db import engine


def ready(client: httpx.Client) -> tuple[int, dict[str, str]]:
    answer = client.get("/readyz")
    assert answer.json()["ready"] is (answer.status_code == 200)
    assert client.get("/livez").json() == {"alive": True}
    return answer.status_code, answer.json()["checks"]


def test_ready(serve: Serve) -> None:
    assert ready(serve().client) == (200, {"database": "ok", "store": "ok"})


@pytest.mark.parametrize("what", ["moved away", "deleted"])
def test_database_gone(serve: Serve, what: str) -> None:
    """Its open file still answers, but what it is told now would be lost with the process."""
    served = serve()
    file = served.folder / engine.FILE
    if what == "deleted":
        file.unlink()
    else:
        file.rename(file.with_suffix(".moved"))
    status, checks = ready(served.client)
    assert (status, checks["store"]) == (503, "ok")
    assert checks["database"] == "its file is gone"


def test_database_without_its_tables(serve: Serve) -> None:
    served = serve()
    with closing(engine.connect(served.folder)) as db, db.exclusive():
        db.execute("alter table repository rename to other")
    status, checks = ready(served.client)
    assert status == 503
    assert checks["database"].startswith("cannot be read: no such table")


def test_folder_gone(serve: Serve) -> None:
    served = serve()
    shutil.rmtree(served.folder / "blobs")
    status, checks = ready(served.client)
    assert (status, checks) == (503, {"database": "ok", "store": "the folder cannot be written"})


def test_folder_read_only(serve: Serve, read_only: Path) -> None:
    served = serve(data=read_only)
    put_blob(served.client, "a", b"before")
    remount(read_only / "blobs")
    try:
        status, checks = ready(served.client)
        assert (status, checks["store"]) == (503, "the folder cannot be written")
    finally:
        unmount(read_only / "blobs")
    assert ready(served.client)[0] == 200


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    """A folder whose `blobs` can be made read-only, also for root."""
    as_root("a read-only mount")
    return tmp_path / "data"


def remount(folder: Path) -> None:
    run("mount", "--bind", folder, folder)
    run("mount", "-o", "remount,bind,ro", folder)


def unmount(folder: Path) -> None:
    run("umount", folder)
