"""Jobs over the API: how they stand, and having one run at once."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.admin.office import Office, opened, problem

from entrepot.admin.jobs import shown
from entrepot.db import engine
from entrepot.db.jobs import Progress, Standing, State

NAMES = ["audit-retention", "collect", "credentials", "measure", "unfinished"]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path / "data", upkeep_pause=3600) as office:
        office.served.settle()
        yield office


def test_jobs_are_listed(office: Office) -> None:
    found = office.admin.at.get("/jobs").json()
    names = [row["name"] for row in found["items"]]
    assert set(names) >= set(NAMES)
    assert names == sorted(names)
    [row] = [row for row in found["items"] if row["name"] == "measure"]
    assert row == office.admin.at.get("/jobs/measure").json()
    assert row["about"] == "Measures what is kept, for the metrics."
    assert (row["state"], row["every"], row["error"]) == ("waiting", 3600, "")
    assert row["succeeded_at"] == row["ended_at"]
    assert row["next_at"] > row["ended_at"] > row["started_at"]


def test_a_job_runs_when_an_admin_says_so(office: Office) -> None:
    at = office.admin.at
    before = at.get("/jobs/measure").json()
    asked = at.post("/jobs/measure/run", None)
    assert (asked.status_code, asked.json()["asked"]) == (202, True)

    def again() -> Any:
        return at.get("/jobs/measure").json()

    deadline = time.monotonic() + 60
    while again()["ended_at"] == before["ended_at"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert again()["asked"] is False
    [entry] = at.get("/audit", action="job run").json()["items"]
    assert (entry["actor"], entry["reference"]) == ("user:admin", "job:measure")


def test_what_is_no_job(office: Office) -> None:
    at = office.admin.at
    for answer in (at.get("/jobs/nothing"), at.post("/jobs/nothing/run", None)):
        assert problem(answer, 404) == "there is no job 'nothing'"
    assert at.get("/audit", action="job run").json()["items"] == []


NOW = 1_700_000_000.0
WAITING = Standing(
    *("count", "Counts.", 60, State.WAITING, "", 0, NOW + 5, False, None, None, None, None, 0),
    progress=Progress(),
)
RUNNING = replace(
    WAITING,
    state=State.RUNNING,
    holder="node1 7 1 x/1 00",
    lease_until=NOW + 9,
    progress=Progress(1, 3, "one"),
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (WAITING, {"state": "waiting", "by": None, "percent": None}),
        (RUNNING, {"state": "running", "by": "node1/7", "percent": 33.3, "next_at": None}),
        (replace(RUNNING, lease_until=NOW - 1), {"state": "waiting", "by": None}),
        (replace(RUNNING, progress=Progress(5, 3)), {"percent": 100}),
        (replace(RUNNING, progress=Progress(0, 0)), {"percent": 100}),
        (replace(WAITING, state=State.FAILED, failures=2), {"state": "failed", "failures": 2}),
    ],
)
def test_how_a_job_is_shown(found: Standing, expected: dict[str, Any]) -> None:
    document = shown(found, NOW).model_dump(mode="json")
    assert {name: document[name] for name in expected} == expected


def test_what_went_wrong_is_told(office: Office) -> None:
    at = office.admin.at
    with closing(engine.connect(office.served.folder)) as db:
        db.execute("alter table idle_manifest rename to away")
        at.post("/jobs/collect/run", None).raise_for_status()
        deadline = time.monotonic() + 60
        while (row := at.get("/jobs/collect").json())["state"] != "failed":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        db.execute("alter table away rename to idle_manifest")
    assert (row["error"], row["failures"]) == ("no such table: idle_manifest", 1)
    assert row["next_at"] > row["ended_at"] > row["succeeded_at"]
