"""Garbage over the API: what would go is told, and goes at once on request."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.accounts import ADMIN
from tests.admin.office import Office, opened
from tests.content import digest, put_blob, put_image

from entrepot.db import engine

LAYER = bytes(100_000)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path / "data", upkeep_pause=3600) as office:
        office.served.settle()
        yield office


@pytest.fixture
def pusher(office: Office) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=office.served.url, auth=ADMIN.pair, timeout=30) as client:
        yield client


def pass_by(office: Office, seconds: float) -> None:
    """Have so much time go by for all that is idle."""
    with closing(engine.connect(office.served.folder)) as db:
        db.execute("update repository_blob set idle_since = idle_since - ?", (seconds,))


def test_what_would_go_is_told_and_goes(office: Office, pusher: httpx.Client) -> None:
    at = office.admin.at
    put_image(pusher, "team/app", "1", b"needed")
    put_blob(pusher, "team/app", LAYER)
    assert at.get("/gc").json() == {"count": 0, "frees": 0, "complete": True, "items": []}
    pass_by(office, 25 * 3600)
    found = at.get("/gc").json()
    idle = {
        "kind": "blob",
        "repository": "team/app",
        "name": digest(LAYER),
        "frees": len(LAYER),
        "why": "no manifest of team/app needs it, for 25 hours already",
    }
    assert found == {"count": 1, "frees": len(LAYER), "complete": True, "items": [idle]}
    assert at.post("/gc", None).json() == {
        "uploads": 0,
        "manifests": 0,
        "purged": 0,
        "links": 1,
        "blobs": 1,
        "bytes": len(LAYER),
        "objects": 1,
    }
    assert at.get("/gc").json()["count"] == 0
    assert list((office.served.folder / "blobs").rglob("?" * 32)) == []
    assert pusher.head(f"/v2/team/app/blobs/{digest(LAYER)}").status_code == 404
    counted = {
        (sample.name, sample.labels.get("what", "")): sample.value
        for family in text_string_to_metric_families(pusher.get("/metrics").text)
        for sample in family.samples
    }
    assert counted["entrepot_collected_bytes_total", ""] == len(LAYER)
    assert counted["entrepot_collected_total", "blobs"] == 1
    assert counted["entrepot_collected_total", "objects"] == 1


def test_a_shorter_grace_makes_room_sooner(office: Office, pusher: httpx.Client) -> None:
    at = office.admin.at
    put_image(pusher, "team/app", "1", b"needed")
    put_blob(pusher, "team/app", LAYER)
    assert at.post("/gc", None).json()["blobs"] == 0
    assert at.get("/gc", grace=0).json()["frees"] == len(LAYER)
    assert at.post("/gc?grace=0", None).json()["blobs"] == 1
    assert pusher.head(f"/v2/team/app/blobs/{digest(b'needed')}").status_code == 200
    assert at.post("/gc?grace=-1", None).status_code == 422


def test_without_a_trash_what_is_deleted_goes_with_the_next_round(tmp_path: Path) -> None:
    with opened(tmp_path / "other", upkeep_pause=3600, trash_days=0) as office:
        at, client = office.admin.at, office.served.client
        client.auth = ADMIN.pair
        put_image(client, "team/app", "1", LAYER)
        gone = at.delete("/repositories/team/app?confirm=team/app").json()
        assert gone["until"] is None
        assert at.get("/trash").json()["items"] == []
        assert at.post(f"/trash/{gone['trash']}/restore", {}).status_code == 404
        assert [each["kind"] for each in at.get("/gc").json()["items"]] == ["trash"]
        found = at.post("/gc", None).json()
        assert (found["purged"], found["objects"]) == (1, 1)


def test_of_very_much_a_part_is_told(office: Office, pusher: httpx.Client) -> None:
    for number in range(4):
        put_blob(pusher, "team/app", b"%d" % number)
    pass_by(office, 25 * 3600)
    found = office.admin.at.get("/gc", limit=3).json()
    assert (found["count"], found["frees"], found["complete"]) == (3, 3, False)
