"""Uploads that nobody finishes go, and their bytes with them; one being written stays."""

import socket
from contextlib import closing
from functools import partial
from pathlib import Path

from tests.crash.connection import Connection
from tests.crash.content import Content
from tests.crash.test_sigkill import damage
from tests.crash.ways import finish, uploads
from tests.registry import StartRegistry
from tests.waiting import until

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.db import engine

HOUR = 3600


def test_an_unfinished_upload_expires_with_its_file(start_registry: StartRegistry) -> None:
    registry = start_registry(upload_expiry=HOUR, upkeep_pause="0.2")
    store = DiskStore(folder_of(registry.data))
    with Connection(registry.address) as at:
        large = at.expect(202, "POST", uploads("expiry/app"), b"").location
        at.expect(202, "PATCH", large, Content(1, 200_000).data)
        small = at.expect(202, "POST", uploads("expiry/app"), b"").location
        at.expect(202, "PATCH", small, b"a few bytes")
        at.expect(204, "GET", large)
        assert len(list(store.objects())) == 1
        with closing(engine.connect(registry.data)) as db:
            db.execute("update upload set touched_at = touched_at - ?", (2 * HOUR,))
        for location in (large, small):
            until(partial(_is_gone, at, location))
        assert at.ask("PATCH", large, b"more").error["code"] == "BLOB_UPLOAD_UNKNOWN"
        until(lambda: not list(store.objects()))
    assert damage(registry.data, read=True) == []


def test_an_upload_being_written_does_not_expire(start_registry: StartRegistry) -> None:
    """It is touched again and again, long before its time is up."""
    registry = start_registry(upload_expiry=15, upkeep_pause="0.2")
    content, half = Content(2, 400_000), 200_000
    host, _, port = registry.address.partition(":")
    with Connection(registry.address) as at:
        location = at.expect(202, "POST", uploads("expiry/app"), b"").location
        with socket.create_connection((host, int(port)), timeout=30) as slow:
            head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {content.size}\r\n\r\n"
            slow.sendall(head.encode() + content.data[:half])
            until(lambda: _touched(registry.data))
            first = _touched(registry.data)
            until(lambda: _touched(registry.data) > first)
            slow.sendall(content.data[half:])
            assert slow.recv(4096).split()[1] == b"202"
        finish(at, location, content)
    assert registry.blob("expiry/app", content.digest) == content.data


def _touched(data: Path) -> float:
    """When the only upload was, 0 where it has no row yet."""
    with closing(engine.connect(data)) as db:
        at: float = db.execute("select coalesce(max(touched_at), 0) from upload").fetchone()[0]
        return at


def _is_gone(at: Connection, location: str) -> bool:
    return at.ask("GET", location).status == 404
