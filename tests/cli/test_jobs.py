"""The commands of jobs: listed, watched, and run now."""

import re
from contextlib import closing
from typing import Any

import pytest
from tests.cli.desk import Desk

from entrepot.cli.jobs import COLUMNS, has_run
from entrepot.db import engine


def test_jobs_are_listed(desk: Desk) -> None:
    desk.served.settle()
    listed = desk.good("jobs")
    headings = "name state progress last run took next by note error"
    assert listed.splitlines()[0].split() == headings.split()
    assert re.search(r"^collect +waiting +- +20\d\d-\S+ \S+ +\d+\.\d s +20", listed, re.MULTILINE)
    names = [row["name"] for row in desk.json("jobs")]
    assert names == [row["name"] for row in desk.json("jobs", "list")]
    for words in (["list"], ["watch", "--times", "1"]):
        lines = desk.good("jobs", *words).splitlines()
        assert [line.split()[0] for line in lines[1:]] == names
    assert [row["name"] for row in desk.json("jobs", "watch", "--times", "1")] == names


def test_a_job_runs_now(desk: Desk) -> None:
    desk.served.settle()
    [before] = [row for row in desk.json("jobs") if row["name"] == "measure"]
    assert desk.good("jobs", "run", "measure", "--wait") == "job measure has run: done\n"
    ended = desk.json("jobs", "run", "measure", "--wait")
    assert ended["ended_at"] > before["ended_at"]
    assert desk.good("jobs", "run", "measure") == "job measure runs in a moment\n"
    assert desk.bad("jobs", "run", "nothing") == "there is no job 'nothing'"


def test_a_job_that_fails_is_told(desk: Desk) -> None:
    desk.served.settle()
    with closing(engine.connect(desk.served.folder)) as db:
        db.execute("alter table upload rename to away")
        try:
            said = desk.bad("jobs", "run", "measure", "--wait")
        finally:
            db.execute("alter table away rename to upload")
    assert said == "job measure failed: no such table: upload"
    assert desk.good("jobs", "run", "measure", "--wait") == "job measure has run: done\n"


@pytest.mark.parametrize(
    ("now", "over"),
    [
        ({"ended_at": "1", "asked": True, "state": "waiting"}, False),
        ({"ended_at": "1", "asked": True, "state": "running"}, False),
        ({"ended_at": "2", "asked": True, "state": "waiting"}, False),
        ({"ended_at": "2", "asked": False, "state": "running"}, False),
        ({"ended_at": "2", "asked": False, "state": "waiting"}, True),
        ({"ended_at": "3", "asked": False, "state": "failed"}, True),
    ],
    ids=["not begun", "an earlier one runs", "it is over", "ours runs", "it is over, too", "badly"],
)
def test_a_run_that_was_under_way_is_not_the_one_that_was_asked_for(
    now: dict[str, Any], over: bool
) -> None:
    assert has_run({"ended_at": "1", "asked": False, "state": "running"}, now) is over


ROW: dict[str, Any] = {
    "state": "running",
    "asked": False,
    "percent": None,
    "done": 0,
    "took": None,
    "every": 60,
    "by": "node/1",
}


@pytest.mark.parametrize(
    ("column", "row", "cell"),
    [
        ("progress", {"percent": 33.3}, "######.............. 33 %"),
        ("progress", {"percent": 100.0}, "#################### 100 %"),
        ("progress", {"done": 7}, "7"),
        ("progress", {}, None),
        ("progress", {"percent": 100.0, "state": "waiting"}, None),
        ("took", {}, None),
        ("took", {"took": 1.234}, "1.2 s"),
        ("took", {"took": 3723.0}, "62 m 3 s"),
        ("next", {"asked": True}, "now"),
        ("next", {"every": None, "by": None}, "when asked for"),
        ("next", {}, "-"),
    ],
)
def test_cells(column: str, row: dict[str, Any], cell: str | None) -> None:
    make = COLUMNS[column]
    assert callable(make)
    assert make({**ROW, **row}) == cell
