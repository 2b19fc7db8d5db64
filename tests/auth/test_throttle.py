"""Failed logins: how long the next one waits, by account and by address."""

from types import SimpleNamespace

import pytest

from entrepot.auth import throttle as throttles
from entrepot.auth.throttle import FREE_ACCOUNT, FREE_ADDRESS, LONGEST, Throttle


@pytest.fixture(autouse=True)
def _stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time goes by but what a test lets go by."""
    monkeypatch.setattr(throttles, "time", SimpleNamespace(monotonic=lambda: 10_000.0))


def failed(times: int, account: str = "alice", address: str = "192.0.2.1") -> Throttle:
    throttle = Throttle()
    for _ in range(times):
        throttle.tries(account, address)
    return throttle


def later(throttle: Throttle, seconds: float) -> Throttle:
    """As if so much time had gone by."""
    for key, (count, last) in throttle._failed.items():
        throttle._failed[key] = (count, last - seconds)
    return throttle


BY_ACCOUNT = [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (8, 8), (12, 128), (14, 300), (500, 300)]


@pytest.mark.parametrize(("times", "wait"), BY_ACCOUNT)
def test_an_account_waits_longer_each_time(times: int, wait: int) -> None:
    throttle = Throttle()
    for number in range(times):
        throttle.tries("alice", f"192.0.{number // 250}.{number % 250}")
    assert throttle.wait("alice", "198.51.100.1") == wait
    assert throttle.wait("bob", "198.51.100.1") == 0


BY_ADDRESS = [(19, 0), (20, 1), (21, 2), (24, 16), (100, LONGEST)]


@pytest.mark.parametrize(("times", "wait"), BY_ADDRESS)
def test_an_address_waits_whatever_account_it_tries(times: int, wait: int) -> None:
    throttle = Throttle()
    for number in range(times):
        throttle.tries(f"user{number}", "192.0.2.1")
    assert throttle.wait("someone", "192.0.2.1") == wait
    assert throttle.wait("someone", "192.0.2.2") == 0


def test_a_machine_has_one_network_of_ipv6() -> None:
    throttle = Throttle()
    for number in range(FREE_ADDRESS + 3):
        throttle.tries(f"user{number}", f"2001:db8:0:1::{number:x}")
    assert throttle.wait("someone", "2001:db8:0:1:ffff::1") > 0
    assert throttle.wait("someone", "2001:db8:0:2::1") == 0


def test_waiting_ends() -> None:
    throttle = failed(FREE_ACCOUNT + 3)
    assert throttle.wait("alice", "192.0.2.1") == 8
    assert later(throttle, 5).wait("alice", "192.0.2.1") == 3
    assert later(throttle, 3).wait("alice", "192.0.2.1") == 0
    throttle.tries("alice", "192.0.2.1")
    assert throttle.wait("alice", "192.0.2.1") == 16, "one more, and it is longer"


def test_failures_are_forgotten() -> None:
    throttle = later(failed(FREE_ACCOUNT + 10), 1000)
    assert throttle.wait("alice", "192.0.2.1") == 0
    throttle.tries("alice", "192.0.2.1")
    assert throttle.wait("alice", "192.0.2.1") == 0, "it counts from the beginning"


def test_success_forgets_the_account_and_not_the_address() -> None:
    """Who has one account of their own must not guess at others all the faster."""
    throttle = Throttle()
    for number in range(FREE_ADDRESS + 1):
        throttle.tries(f"user{number}", "192.0.2.1")
    throttle.tries("mine", "192.0.2.1")
    throttle.succeeded("mine", "192.0.2.1")
    assert throttle.wait("mine", "198.51.100.1") == 0
    assert throttle.wait("other", "192.0.2.1") == 2


def test_memory_is_bounded() -> None:
    throttle = Throttle()
    for number in range(30_000):
        throttle.tries(f"user{number}" + "x" * 1000, "192.0.2.1")
    assert len(throttle._failed) <= 20_000
    assert max(map(len, throttle._failed)) < 300
    assert throttle.wait("someone", "192.0.2.1") == LONGEST


@pytest.mark.parametrize("address", ["", "-", "unix:/x", "fe80::1%eth0", "999.1.1.1"])
def test_odd_addresses(address: str) -> None:
    throttle = failed(FREE_ADDRESS + 1, address=address)
    assert throttle.wait("someone", address) == 2
    assert throttle.wait("someone", "192.0.2.7") == 0
