"""Logins that end: when they are renewed, and what there is while that fails."""

import threading
from collections.abc import Callable

import pytest

from entrepot.upstream.access import Credential
from entrepot.upstream.clouds.renewed import LEAST, REST, Issued, Renewed, wait
from entrepot.upstream.place import RefusedError, UnreachableError

HOUR, MARGIN = 3600.0, 300.0


class Cloud:
    """Gives out logins that are numbered, or none; has a clock of its own."""

    def __init__(self, lasts: float = HOUR) -> None:
        self.now = 1_000_000.0
        self.lasts = lasts
        self.count = 0
        self.fails = False
        self.before: Callable[[], object] = lambda: None

    def issue(self) -> Issued:
        self.before()
        self.count += 1
        if self.fails:
            raise UnreachableError("it does not answer")
        return Issued(Credential("user", f"password-{self.count}"), self.now + self.lasts)

    def login(self) -> Renewed:
        return Renewed(self.issue, MARGIN, lambda: self.now)


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        (HOUR, HOUR - MARGIN),
        (MARGIN + LEAST + 1, LEAST + 1),
        (MARGIN, LEAST),
        (LEAST / 2, LEAST / 2),
        (0.0, LEAST),
        (-HOUR * 24 * 365, LEAST),
    ],
)
def test_when_it_is_renewed(left: float, seconds: float) -> None:
    assert wait(left, MARGIN) == seconds


def test_it_is_asked_for_once_and_renewed_before_its_end() -> None:
    cloud = Cloud()
    login = cloud.login()
    assert [login().password, login().password] == ["password-1", "password-1"]
    cloud.now += HOUR - MARGIN - 1
    assert login().password == "password-1"
    cloud.now += 1
    assert [login().password, login().password] == ["password-2", "password-2"]


@pytest.mark.parametrize("lasts", [-HOUR * 24 * 365, 0.0, 30.0, MARGIN])
def test_an_end_that_is_near_or_past_is_not_asked_for_with_each_request(lasts: float) -> None:
    cloud = Cloud(lasts)
    login = cloud.login()
    for _ in range(100):
        login()
        cloud.now += 0.1
    assert cloud.count == 1


def test_the_old_one_stays_while_renewing_fails_and_is_still_good() -> None:
    cloud = Cloud()
    login = cloud.login()
    login()
    cloud.fails = True
    cloud.now += HOUR - MARGIN
    for _ in range(3):
        assert login().password == "password-1"
    assert cloud.count == 2
    assert login.trouble == "it does not answer"
    cloud.now += LEAST
    assert login().password == "password-1"
    assert cloud.count == 3
    cloud.now += MARGIN
    with pytest.raises(UnreachableError, match="does not answer"):
        login()
    cloud.fails = False
    cloud.now += REST
    assert login().password == "password-5"
    assert login.trouble == ""


def test_a_refusal_is_remembered_for_a_while() -> None:
    cloud = Cloud()
    cloud.fails = True
    login = cloud.login()
    for _ in range(20):
        with pytest.raises(UnreachableError):
            login()
    assert cloud.count == 1
    cloud.now += REST
    with pytest.raises(UnreachableError):
        login()
    assert cloud.count == 2


def test_nobody_waits_for_a_new_one_while_the_old_one_is_good() -> None:
    cloud = Cloud()
    login = cloud.login()
    login()
    cloud.now += HOUR - MARGIN
    asked, answers = threading.Event(), threading.Event()

    def slowly() -> None:
        asked.set()
        answers.wait(60)

    cloud.before = slowly
    other = threading.Thread(target=login)
    other.start()
    assert asked.wait(60)
    assert login().password == "password-1"
    answers.set()
    other.join()
    assert login().password == "password-2"
    assert cloud.count == 2


def test_one_asks_for_all_where_there_is_none() -> None:
    cloud = Cloud()
    login = cloud.login()
    start = threading.Barrier(8)
    cloud.before = lambda: threading.Event().wait(0.05)
    found = []

    def ask() -> None:
        start.wait()
        found.append(login().password)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == ["password-1"] * 8


def test_a_cloud_that_refuses_says_so_each_time() -> None:
    def issue() -> Issued:
        raise RefusedError("not you")

    login = Renewed(issue, MARGIN)
    for _ in range(2):
        with pytest.raises(RefusedError, match="not you"):
            login()
