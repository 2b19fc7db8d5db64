"""What was answered survives a power cut: the order in which things are synced, seen by strace.

First the bytes and the name of the object, then the row in the database's log, then the answer.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.crash.connection import Connection
from tests.crash.content import MANIFEST, Content, image
from tests.crash.strace import Call, Trace, traced
from tests.crash.ways import WAYS, Way, forget, post_only, uploads
from tests.registry import Registry, StartRegistry
from tests.waiting import until

from entrepot.db import engine

Matches = Callable[[Call], bool]

SMALL, LARGE = Content(1, 5_000), Content(2, 2_500_000)

_LOG = r"/entrepot\.sqlite-wal"
_OBJECT = r"/blobs/[0-9a-f]{2}/[0-9a-f]{32}"
_FOLDER = r"/blobs/[0-9a-f]{2}"


def settled(start_registry: StartRegistry) -> Registry:
    """A registry whose jobs have all run once: what they write is not taken for anything else."""
    registry = start_registry(upkeep_pause=3600)
    with closing(sqlite3.connect(registry.data / engine.FILE)) as db:

        def rested() -> bool:
            ran, every = db.execute("select count(ended_at), count(*) from job").fetchone()
            return bool(ran == every > 0)

        until(rested)
    return registry


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_an_object_is_synced_before_its_row_and_that_before_the_answer(
    start_registry: StartRegistry, tmp_path: Path, way: Way
) -> None:
    registry = settled(start_registry)
    with Connection(registry.address) as at:
        at.expect(200, "GET", "/livez")
        with traced(registry, tmp_path) as trace:
            way(at, "durable/app", LARGE, forget)
    [answer] = _answers(trace, "201 Created")
    written = _last(trace, lambda call: not call.syncs and call.concerns(_OBJECT), answer.begin)
    named = _first(trace, lambda call: call.syncs and call.concerns(_FOLDER), written.end)
    synced = _first(trace, lambda call: call.syncs and call.concerns(_OBJECT), written.end)
    row = _last(trace, lambda call: not call.syncs and call.concerns(_LOG), answer.begin)
    logged = _first(trace, lambda call: call.syncs and call.concerns(_LOG), row.end)
    assert max(synced.end, named.end) < row.begin
    assert logged.end < answer.begin


def test_bytes_of_an_upload_are_synced_before_its_row_counts_them(
    start_registry: StartRegistry, tmp_path: Path
) -> None:
    registry = settled(start_registry)
    with Connection(registry.address) as at:
        location = at.expect(202, "POST", uploads("durable/app"), b"").location
        at.expect(204, "GET", location)
        with traced(registry, tmp_path) as trace:
            at.expect(202, "PATCH", location, LARGE.data)
    [answer] = _answers(trace, "202 Accepted")
    synced = _last(trace, lambda call: call.syncs and call.concerns(_OBJECT), answer.begin)
    row = _first(trace, lambda call: call.concerns(_LOG), synced.end)
    assert row.end < answer.begin


@pytest.mark.parametrize("what", ["blob", "manifest", "tag deletion"])
def test_a_row_is_synced_before_the_answer(
    start_registry: StartRegistry, tmp_path: Path, what: str
) -> None:
    registry = settled(start_registry)
    with Connection(registry.address) as at:
        post_only(at, "durable/app", SMALL, forget)
        path = "/v2/durable/app/manifests/1"
        kind = {"Content-Type": MANIFEST}
        at.expect(201, "PUT", path, image(SMALL), kind)
        with traced(registry, tmp_path) as trace:
            if what == "blob":
                post_only(at, "durable/app", Content(3, 5_000), forget)
            elif what == "manifest":
                at.expect(201, "PUT", path, image(SMALL, SMALL), kind)
            else:
                at.expect(202, "DELETE", path)
    [answer] = _answers(trace, "202 Accepted" if what == "tag deletion" else "201 Created")
    row = _last(trace, lambda call: not call.syncs and call.concerns(_LOG), answer.begin)
    logged = _first(trace, lambda call: call.syncs and call.concerns(_LOG), row.end)
    assert logged.end < answer.begin


def _answers(trace: Trace, status: str) -> list[Call]:
    return [call for call in trace.calls if f"HTTP/1.1 {status}" in call.arguments]


def _first(trace: Trace, matches: Matches, after: int) -> Call:
    found = next((call for call in trace.calls if call.begin > after and matches(call)), None)
    assert found is not None, trace.file.read_text()
    return found


def _last(trace: Trace, matches: Matches, before: int) -> Call:
    found = [call for call in trace.calls if call.begin < before and matches(call)]
    assert found, trace.file.read_text()
    return found[-1]
