"""Leases of jobs: one holder at a time; what was cut goes on, what failed is tried again."""

import time
from dataclasses import replace

import pytest

from entrepot.db import jobs
from entrepot.db.connection import Connection
from entrepot.db.jobs import Progress, Standing, State

US, THEM = "us", "them"
HALF = Progress(5, 10, "half of it", "e")


def standing(db: Connection, name: str = "count") -> Standing:
    found = jobs.find(db, name)
    assert found is not None
    return found


def enlist(db: Connection, every: float | None = 60) -> None:
    jobs.enlist(db, [("count", "Counts.", every)])


def claimed(db: Connection, holder: str = US, seconds: float = 30) -> Standing:
    found = jobs.claim(db, "count", holder, seconds)
    assert found is not None
    return found


def pass_by(db: Connection, seconds: float) -> None:
    db.execute(
        "update job set next_at = next_at - ?, lease_until = lease_until - ?", (seconds, seconds)
    )


def test_a_new_job_is_due_and_one_on_request_is_not(db: Connection) -> None:
    jobs.enlist(db, [("count", "Counts.", 60), ("rare", "Is asked for.", None)])
    assert [(each.name, each.due(time.time())) for each in jobs.every(db)] == [
        ("count", True),
        ("rare", False),
    ]
    assert jobs.claim(db, "rare", US, 30) is None
    assert jobs.claim(db, "nothing", US, 30) is None
    assert jobs.ask(db, "rare")
    assert not jobs.ask(db, "nothing")
    assert jobs.claim(db, "rare", US, 30) is not None


def test_of_two_one_gets_the_lease(db: Connection) -> None:
    enlist(db)
    found = claimed(db)
    assert (found.state, found.holder, found.leased(time.time())) == (State.RUNNING, US, True)
    assert jobs.claim(db, "count", THEM, 30) is None
    assert not jobs.renew(db, "count", THEM, 30, HALF)
    jobs.finish(db, "count", THEM, HALF)
    jobs.fail(db, "count", THEM, HALF, next_at=0, failures=1)
    jobs.hand_back(db, "count", THEM, HALF)
    assert standing(db) == found


def test_a_renewed_lease_does_not_lapse(db: Connection) -> None:
    enlist(db)
    claimed(db, seconds=300)
    pass_by(db, 200)
    assert jobs.renew(db, "count", US, 300, HALF)
    pass_by(db, 200)
    assert jobs.claim(db, "count", THEM, 30) is None
    pass_by(db, 101)
    assert not standing(db).leased(time.time())
    found = claimed(db, THEM)
    assert found.progress == replace(HALF, note="")
    assert not jobs.renew(db, "count", US, 30, HALF)


def test_who_is_known_to_be_gone_holds_nothing(db: Connection) -> None:
    enlist(db)
    claimed(db)
    assert jobs.claim(db, "count", THEM, 30, before="somebody") is None
    assert jobs.claim(db, "count", THEM, 30, before=US) is not None


def test_what_ends_well_begins_anew_next_time(db: Connection) -> None:
    enlist(db)
    claimed(db)
    jobs.fail(db, "count", US, replace(HALF, error="no"), next_at=time.time(), failures=1)
    claimed(db)
    jobs.finish(db, "count", US, replace(HALF, done=10))
    found = standing(db)
    assert found.progress == replace(HALF, done=10, cursor="")
    assert (found.state, found.failures, found.holder) == (State.WAITING, 0, "")
    assert found.next_at == pytest.approx(time.time() + 60, abs=30)
    assert found.succeeded_at == found.ended_at == pytest.approx(time.time(), abs=30)
    assert found.took == pytest.approx(0, abs=30)
    assert jobs.claim(db, "count", US, 30) is None
    pass_by(db, 61)
    assert claimed(db).progress == Progress()


def test_what_failed_goes_on_where_it_was(db: Connection) -> None:
    enlist(db)
    for failures in (1, 2):
        claimed(db)
        told, again = replace(HALF, error="no"), time.time() + 100
        jobs.fail(db, "count", US, told, next_at=again, failures=failures)
        found = standing(db)
        assert (found.state, found.failures) == (State.FAILED, failures)
        assert jobs.claim(db, "count", US, 30) is None
        pass_by(db, 101)
    assert claimed(db).progress == replace(HALF, note="", error="no")


YEAR = 365 * 24 * 3600.0


@pytest.mark.parametrize(("every", "ends"), [(60.0, "well"), (60.0, "badly"), (YEAR, "well")])
def test_a_clock_that_was_years_ahead_puts_nothing_off(
    db: Connection, every: float, ends: str
) -> None:
    enlist(db, every)
    claimed(db)
    if ends == "well":
        jobs.finish(db, "count", US, HALF)
    else:
        jobs.fail(db, "count", US, HALF, next_at=time.time() + 10, failures=1)
    pass_by(db, -3600)
    assert jobs.claim(db, "count", US, 30) is None, "clocks of replicas differ a little"
    pass_by(db, -4 * YEAR)
    assert claimed(db).next_at == pytest.approx(time.time(), abs=60)


def test_what_was_handed_back_is_due_at_once(db: Connection) -> None:
    enlist(db, None)
    jobs.ask(db, "count")
    claimed(db)
    jobs.hand_back(db, "count", US, HALF)
    found = claimed(db, THEM)
    assert found.progress == replace(HALF, note="")
    jobs.finish(db, "count", THEM, HALF)
    assert standing(db).next_at is None


def test_who_asks_while_it_runs_gets_another_run(db: Connection) -> None:
    enlist(db)
    claimed(db)
    jobs.ask(db, "count")
    assert jobs.claim(db, "count", THEM, 30) is None
    jobs.finish(db, "count", US, HALF)
    claimed(db)
    jobs.finish(db, "count", US, HALF)
    assert jobs.claim(db, "count", US, 30) is None


def test_enlisting_again_changes_no_more_than_it_says(db: Connection) -> None:
    jobs.enlist(db, [("count", "Counts.", 3600), ("busy", "", 60)])
    jobs.claim(db, "busy", THEM, 30)
    claimed(db)
    jobs.finish(db, "count", US, HALF)
    before = standing(db)
    jobs.enlist(db, [("count", "Counts.", 7200)])
    found = standing(db)
    assert found == replace(before, every=7200, lease_until=found.lease_until)
    jobs.enlist(db, [("count", "Counts more often.", 600)])
    found = standing(db)
    assert (found.about, found.every) == ("Counts more often.", 600)
    assert found.next_at == pytest.approx(time.time() + 600, abs=60)
    assert [each.name for each in jobs.every(db)] == ["busy", "count"]


def test_processes_with_other_jobs_leave_each_others_alone(db: Connection) -> None:
    enlist(db)
    claimed(db)
    jobs.fail(db, "count", US, replace(HALF, error="no"), next_at=time.time() + 10, failures=3)
    jobs.ask(db, "count")
    before = standing(db)
    jobs.enlist(db, [("theirs", "Is another's.", None)])
    assert standing(db) == before
    enlist(db)
    assert [each.name for each in jobs.every(db)] == ["count", "theirs"]


def test_what_no_process_has_any_more_goes_after_a_day(db: Connection) -> None:
    jobs.enlist(db, [("old", "", None), ("ours", "", None)])
    enlist(db)
    claimed(db)
    jobs.finish(db, "count", US, HALF)
    pass_by(db, jobs.KEPT - 60)
    jobs.enlist(db, [("ours", "", None)])
    assert [each.name for each in jobs.every(db)] == ["count", "old", "ours"]
    pass_by(db, 120)
    jobs.enlist(db, [("ours", "", None)])
    assert [each.name for each in jobs.every(db)] == ["ours"]


def test_a_time_of_day_may_change(db: Connection) -> None:
    jobs.enlist(db, [("count", "Counts.", 60)])
    before = standing(db).next_at
    jobs.retime(db, "count", 1e12)
    assert standing(db).next_at == before, "it is due, and is not put off"
    claimed(db)
    jobs.finish(db, "count", US, HALF, next_at=1e12)
    assert standing(db).next_at == 1e12
    jobs.retime(db, "count", 2e12)
    assert standing(db).next_at == 2e12
    jobs.retime(db, "count", None)
    assert not standing(db).due(3e12)
