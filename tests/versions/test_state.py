import time

import pytest

from entrepot.db.running import Use
from entrepot.versions.standing import Bad, Standing
from entrepot.versions.state import State, state_of, where

BAD = Bad("user:eve", 1.0, "crashes")


def use(state: str = "running", *, past: bool = False, cluster: str = "east") -> Use:
    waits = state != "running"
    return Use(past, waits, cluster, "web", "Deployment", "front", state, time.time())


CHANNEL = use("channel", cluster="")

STATES = {
    "nothing is known": (Standing(), (), "new"),
    "in a channel that is not the last": (Standing(("dev",), testing=True), (), "testing"),
    "approved for the next one": (Standing(("dev",), testing=True, approved=True), (), "approved"),
    "approved, and in none": (Standing(approved=True), (), "approved"),
    "in the last channel": (Standing(("prod",)), (), "deployed"),
    "in all of them": (Standing(("dev", "prod")), (), "deployed"),
    "runs": (Standing(), (use(),), "deployed"),
    "runs, though only tested": (Standing(("dev",), testing=True), (use(),), "deployed"),
    "runs, though another one was promoted": (Standing(superseded=True), (use(),), "deployed"),
    "would run again": (Standing(), (use("waiting"),), "deployed"),
    "ran": (Standing(), (use(past=True),), "new"),
    "a rollback would need it": (Standing(), (use("rollback"),), "kept"),
    "could be gone back to": (Standing(superseded=True, kept=True), (), "kept"),
    "a newer one came": (Standing(superseded=True), (), "superseded"),
    "rolled back from, and freed": (Standing(rolled_back=True, kept=True), (), "rolled back"),
    "a channel's own use of it": (Standing(superseded=True), (CHANNEL,), "superseded"),
    "bad": (Standing(bad=BAD), (), "bad"),
    "bad, and runs still": (Standing(("prod",), bad=BAD), (use(),), "bad"),
    "bad, and could be gone back to": (Standing(kept=True, rolled_back=True, bad=BAD), (), "bad"),
}


@pytest.mark.parametrize(("standing", "uses", "expected"), STATES.values(), ids=STATES)
def test_the_state_is_what_counts_most(
    standing: Standing, uses: tuple[Use, ...], expected: str
) -> None:
    assert state_of(standing, uses) is State(expected)


def test_every_state_is_in_the_table() -> None:
    assert {expected for _, _, expected in STATES.values()} == set(State)


def test_where_it_is() -> None:
    uses = (use(), use(), use("rollback", cluster="west"), use(past=True, cluster="gone"), CHANNEL)
    assert where(Standing(("dev", "prod")), uses) == ("dev", "prod", "east:web/front")
