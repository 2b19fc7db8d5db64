"""Several clients, several workers, one thing: what comes of it is whole, and is there once."""

import socket
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from tests.crash.connection import Connection, await_continue
from tests.crash.content import MANIFEST, Content, digest_of, image
from tests.crash.test_sigkill import damage
from tests.crash.ways import WAYS, finish, forget, post_only, uploads
from tests.registry import Registry, StartRegistry
from tests.waiting import until

from entrepot.blobstore.disk import DiskStore, folder_of

_TYPE = {"Content-Type": MANIFEST}
CONFIG, LAYER = Content(1, 3_000), Content(2, 700_000)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_image_pushed_by_many_at_once_is_kept_once(
    start_registry: StartRegistry, workers: int
) -> None:
    registry = start_registry(workers=workers, upkeep_pause="0.2")

    def push(number: int) -> None:
        with Connection(registry.address) as at:
            for repository in (f"race/{number % 3}", "race/all"):
                for content in (CONFIG, LAYER):
                    WAYS[number % len(WAYS)](at, repository, content, forget)
                for tag in ("same", f"own{number}"):
                    path = f"/v2/{repository}/manifests/{tag}"
                    at.expect(201, "PUT", path, image(CONFIG, LAYER), _TYPE)

    _together(*[partial(push, number) for number in range(12)])
    store = DiskStore(folder_of(registry.data))
    until(lambda: [size for _, size in store.objects()] == [LAYER.size])
    assert registry.manifest("race/all", "own11") == image(CONFIG, LAYER)
    assert damage(registry.data, read=True) == []


def test_deletions_beside_pushes_leave_nothing_dangling(start_registry: StartRegistry) -> None:
    registry = start_registry(workers=2, upkeep_pause="0.05")
    end = time.monotonic() + 3

    def repeat(work: Callable[[Connection], None]) -> None:
        with Connection(registry.address) as at:
            while time.monotonic() < end:
                work(at)

    _together(*[partial(repeat, work) for work in (_push, _push, _delete, _pull)])
    assert damage(registry.data, read=True) == []


def _push(at: Connection) -> None:
    for content in (CONFIG, LAYER):
        post_only(at, "race/app", content, forget)
    answer = at.ask("PUT", "/v2/race/app/manifests/1", image(CONFIG, LAYER), _TYPE)
    assert answer.status == 201 or answer.error["code"] == "MANIFEST_BLOB_UNKNOWN"


def _delete(at: Connection) -> None:
    digest = digest_of(image(CONFIG, LAYER))
    for path in (f"blobs/{LAYER.digest}", f"blobs/{CONFIG.digest}", f"manifests/{digest}"):
        assert at.ask("DELETE", f"/v2/race/app/{path}").status in {202, 403, 404}


def _pull(at: Connection) -> None:
    if at.ask("GET", "/v2/race/app/manifests/1").status == 200:
        answer = at.ask("GET", f"/v2/race/app/blobs/{LAYER.digest}")
        assert answer.status == 404 or answer.body == LAYER.data


def test_an_upload_that_another_request_carried_on_is_not_overwritten(
    start_registry: StartRegistry,
) -> None:
    """The first PATCH stalls with few bytes; its client comes again on another connection."""
    registry = start_registry()
    late, timely = Content(3, 300_000), Content(4, 100_000)
    with Connection(registry.address) as at:
        location = at.expect(202, "POST", uploads("race/app"), b"").location
        with _stalled(registry, location, late, sent=8_000) as first:
            assert at.expect(202, "PATCH", location, timely.data).size == timely.size
            first.sendall(late.data[8_000:])
            assert first.recv(4096).split()[1] in {b"404", b"409"}
        assert at.expect(204, "GET", location).size == timely.size
        finish(at, location, timely)
    assert registry.blob("race/app", timely.digest) == timely.data
    assert damage(registry.data, read=True) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_client_that_stalls_with_many_bytes_keeps_nobody_from_its_upload(
    start_registry: StartRegistry, workers: int
) -> None:
    """Each writes a piece of its own; whoever is done first is the one that counts."""
    registry = start_registry(workers=workers, upkeep_pause="0.1")
    late, timely = Content(5, 3_000_000), Content(9, 3_000_000)
    store = DiskStore(folder_of(registry.data))
    with Connection(registry.address) as at:
        location = at.expect(202, "POST", uploads("race/app"), b"").location
        with _stalled(registry, location, late, sent=2_000_000) as first:
            until(lambda: any(size for _, size in store.objects()))
            assert at.expect(202, "PATCH", location, timely.data).size == timely.size
            first.sendall(late.data[2_000_000:])
            assert first.recv(4096).split()[1] == b"409"
        finish(at, location, timely)
    assert registry.blob("race/app", timely.digest) == timely.data
    until(lambda: [size for _, size in store.objects()] == [timely.size])
    assert damage(registry.data, read=True) == []


def test_bytes_that_a_crash_left_behind_are_no_part_of_the_blob(
    start_registry: StartRegistry,
) -> None:
    registry = start_registry()
    content, more = Content(6, 100_000), Content(7, 4_000_000)
    store = DiskStore(folder_of(registry.data))
    with Connection(registry.address) as at:
        location = at.expect(202, "POST", uploads("race/app"), b"").location
        at.expect(202, "PATCH", location, content.data)
    with _stalled(registry, location, more, sent=3_000_000):
        until(lambda: any(size > content.size for _, size in store.objects()))
        registry.kill()
    registry.start()
    with Connection(registry.address) as at:
        assert at.expect(204, "GET", location).size == content.size
        finish(at, location, content)
    assert registry.blob("race/app", content.digest) == content.data
    assert damage(registry.data, read=True) == []


def test_a_cancelled_upload_leaves_no_object_though_it_was_being_written(
    start_registry: StartRegistry,
) -> None:
    registry = start_registry(upkeep_pause="0.1")
    store = DiskStore(folder_of(registry.data))
    content = Content(8, 300_000)
    with Connection(registry.address) as at:
        location = at.expect(202, "POST", uploads("race/app"), b"").location
        with _stalled(registry, location, content, sent=8_000) as first:
            at.expect(204, "DELETE", location)
            first.sendall(content.data[8_000:])
            assert first.recv(4096).split()[1] == b"404"
    until(lambda: not list(store.objects()))
    assert damage(registry.data, read=True) == []


def test_a_blob_whose_bytes_are_lost_is_healed_by_the_next_push(
    start_registry: StartRegistry,
) -> None:
    registry = start_registry()
    store = DiskStore(folder_of(registry.data))
    with Connection(registry.address) as at:
        post_only(at, "race/app", LAYER, forget)
        [(name, _)] = store.objects()
        store.path(name).unlink()
        target = f"{uploads('race/other')}?mount={LAYER.digest}&from=race/app"
        at.expect(202, "POST", target, b"")
        post_only(at, "race/app", LAYER, forget)
    assert registry.blob("race/app", LAYER.digest) == LAYER.data
    assert damage(registry.data, read=True) == []


def _stalled(registry: Registry, location: str, content: Content, sent: int) -> socket.socket:
    """A PATCH that has sent so many of its bytes, and stops; the registry takes them in."""
    host, _, port = registry.address.partition(":")
    found = socket.create_connection((host, int(port)), timeout=60)
    head = f"PATCH {location} HTTP/1.1\r\nHost: {registry.address}\r\n"
    await_continue(found, f"{head}Content-Length: {content.size}\r\n")
    found.sendall(content.data[:sent])
    return found


def _together(*works: Callable[[], None]) -> None:
    """Run each in a thread; what one raises is raised here."""
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors
