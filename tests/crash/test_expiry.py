"""Uploads that nobody finishes go, and their bytes with them; one being written stays."""

import socket
import time
from functools import partial

from tests.crash.connection import Connection
from tests.crash.content import Content
from tests.crash.test_sigkill import damage
from tests.crash.ways import finish, uploads
from tests.registry import StartRegistry
from tests.waiting import until

from entrepot.blobstore.disk import DiskStore, folder_of


def test_an_unfinished_upload_expires_with_its_file(start_registry: StartRegistry) -> None:
    registry = start_registry(upload_expiry=1, upkeep_pause="0.2")
    store = DiskStore(folder_of(registry.data))
    with Connection(registry.address) as at:
        large = at.expect(202, "POST", uploads("expiry/app"), b"").location
        at.expect(202, "PATCH", large, Content(1, 200_000).data)
        small = at.expect(202, "POST", uploads("expiry/app"), b"").location
        at.expect(202, "PATCH", small, b"a few bytes")
        at.expect(204, "GET", large)
        assert len(list(store.objects())) == 1
        for location in (large, small):
            until(partial(_is_gone, at, location))
        assert at.ask("PATCH", large, b"more").error["code"] == "BLOB_UPLOAD_UNKNOWN"
        until(lambda: not list(store.objects()))
    assert damage(registry.data, read=True) == []


def test_an_upload_being_written_does_not_expire(start_registry: StartRegistry) -> None:
    registry = start_registry(upload_expiry=1, upkeep_pause="0.2")
    content = Content(2, 400_000)
    host, _, port = registry.address.partition(":")
    with Connection(registry.address) as at:
        location = at.expect(202, "POST", uploads("expiry/app"), b"").location
        with socket.create_connection((host, int(port)), timeout=30) as slow:
            head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {content.size}\r\n\r\n"
            slow.sendall(head.encode())
            for start in range(0, content.size, 50_000):
                slow.sendall(content.data[start : start + 50_000])
                time.sleep(0.4)
            assert slow.recv(4096).split()[1] == b"202"
        finish(at, location, content)
    assert registry.blob("expiry/app", content.digest) == content.data


def _is_gone(at: Connection, location: str) -> bool:
    return at.ask("GET", location).status == 404
