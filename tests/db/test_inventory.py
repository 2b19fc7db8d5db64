"""Reports: each takes the place of the one before, and writes what has changed."""

import time

import pytest
from tests.db.reported import report, row

from entrepot.db import inventory, workload_images
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.engine import SQLite
from entrepot.db.inventory import Key, Plan, Said, Standing, TakenError, plan
from entrepot.db.workload_images import Listed, Wanted

WEB, JOB = row(), row("team/job:2", workload="job")
KEY, SAID = WEB
OTHER = SAID._replace(state="waiting")

PLANS: dict[str, tuple[dict[Key, Standing], dict[Key, Said], Plan]] = {
    "nothing": ({}, {}, Plan()),
    "new": ({}, {KEY: SAID}, Plan(new=[(KEY, SAID)])),
    "the same": ({KEY: Standing(7, SAID, here=True)}, {KEY: SAID}, Plan()),
    "another state": (
        {KEY: Standing(7, SAID, here=True)},
        {KEY: OTHER},
        Plan(changed=[(7, OTHER)]),
    ),
    "gone": ({KEY: Standing(7, SAID, here=True)}, {}, Plan(left=[7])),
    "gone before": ({KEY: Standing(7, SAID, here=False)}, {}, Plan()),
    "back": ({KEY: Standing(7, SAID, here=False)}, {KEY: SAID}, Plan(changed=[(7, SAID)])),
}


@pytest.mark.parametrize(("standing", "reported", "wanted"), PLANS.values(), ids=PLANS)
def test_what_a_report_changes(
    standing: dict[Key, Standing], reported: dict[Key, Said], wanted: Plan
) -> None:
    assert plan(standing, reported) == wanted


def listed(db: Connection, **wanted: object) -> list[Listed]:
    return workload_images.listed(db, Wanted(**wanted), None, 0, 100)  # type: ignore[arg-type]


def test_one_takes_the_place_of_the_one_before(db: Connection) -> None:
    report(db, WEB, JOB)
    first = {each.key: each for each in listed(db)}
    assert set(first) == {WEB[0], JOB[0]}
    report(db, JOB)
    assert [each.key for each in listed(db)] == [JOB[0]]
    gone = next(each for each in listed(db, past=True) if each.key == KEY)
    assert gone.until is not None
    assert 900 < gone.until - time.time() <= 1000
    assert gone.last_seen <= time.time()
    report(db, WEB, JOB)
    back = {each.key: each for each in listed(db)}[KEY]
    assert (back.id, back.until, back.first_seen) == (
        first[KEY].id,
        None,
        first[KEY].first_seen,
    )


def test_what_has_left_goes_when_its_time_is_up(db: Connection) -> None:
    report(db, WEB, JOB)
    report(db, JOB)
    db.execute("update workload_image set until = until - 1000")
    assert [each.key for each in listed(db, past=True)] == [JOB[0]]
    report(db, JOB)
    assert db.execute("select count(*) from workload_image").fetchone() == (1,)


def test_with_no_time_to_keep_it_goes_at_once(db: Connection) -> None:
    report(db, WEB)
    report(db, keep=0)
    assert db.execute("select count(*) from workload_image").fetchone() == (0,)
    assert inventory.find(db, "prod") is not None


def test_clusters_are_apart(db: Connection) -> None:
    report(db, WEB)
    report(db, WEB, JOB, cluster="test")
    report(db)
    assert {(each.cluster, each.key.workload) for each in listed(db)} == {
        ("test", "web"),
        ("test", "job"),
    }
    assert workload_images.counts(db, None) == {"test": 2}
    assert workload_images.counts(db, [("team/app", "team/app")]) == {"test": 1}
    assert workload_images.counts(db, []) == {}
    assert [each.name for each in inventory.every(db)] == ["prod", "test"]
    assert inventory.forget(db, "test")
    assert not inventory.forget(db, "test")
    assert listed(db) == []


def test_a_name_belongs_to_who_reports_it(db: Connection) -> None:
    report(db, WEB)
    with pytest.raises(TakenError, match="robot:prod"):
        inventory.report(db, "prod", {}, keep=9, reporters=["robot:other"], by=By("robot:other"))
    assert [each.key for each in listed(db)] == [KEY]
    several = ["robot:a", "robot:prod"]
    found = inventory.report(db, "prod", {}, keep=9, reporters=several, by=By("robot:a"))
    assert found.reported_by == "robot:prod"


def test_the_first_report_of_a_cluster_is_written_down(db: Connection) -> None:
    report(db, WEB)
    report(db)
    rows = db.execute("select actor, action, reference from audit").fetchall()
    assert rows == [("robot:prod", "cluster connect", "cluster:prod")]


def test_a_report_that_says_the_same_writes_no_image(sqlite: SQLite) -> None:
    rows = [row(f"team/app:{number}") for number in range(50)]
    report(sqlite, *rows)
    asked: list[str] = []
    sqlite.set_trace_callback(asked.append)
    report(sqlite, *rows)
    sqlite.set_trace_callback(None)
    written = [text.partition(" (")[0] for text in asked if not text.startswith("select")]
    assert len(written) == 2
    assert written[0] == "insert into cluster"
    assert written[1].startswith("delete from workload_image where until")
