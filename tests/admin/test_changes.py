"""The log of changes over HTTP: a page behind a cursor, and the wait for the next row."""

import json
import select
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.admin.office import Office, Person, fresh, opened, problem
from tests.content import put_image
from tests.served import read


def push(office: Office, repository: str, tag: str = "1", content: bytes = b"a") -> str:
    with httpx.Client(base_url=office.served.url, auth=ADMIN.pair) as client:
        return put_image(client, repository, tag, content)


def page(person: Person, **asked: Any) -> Any:
    answer = person.at.get("/changes", **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def newest(office: Office) -> int:
    return int(page(office.admin)["next"])


@contextmanager
def asking(person: Person, **asked: Any) -> Iterator["Future[Any]"]:
    """A request that waits meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(lambda: page(person, **{"wait": 20, **asked}))


def told(found: Any) -> list[tuple[str, str]]:
    return [(row["kind"], row["reference"]) for row in found["items"]]


def test_what_a_push_and_a_move_say(office: Office) -> None:
    repository, cursor = f"{fresh('team')}/app", newest(office)
    one = push(office, repository)
    two = push(office, repository, content=b"b")
    found = page(office.admin, after=cursor, repository=repository)
    assert told(found) == [("pushed", one), ("tagged", "1"), ("pushed", two), ("tagged", "1")]
    last = found["items"][-1]
    assert (last["old"], last["new"], last["actor"]) == (one, two, "user:admin")
    assert last["repository"] == repository
    assert [row["id"] for row in found["items"]] == sorted(row["id"] for row in found["items"])
    assert page(office.admin, after=found["next"], repository=repository)["items"] == []


def test_pages_join(office: Office) -> None:
    repository, cursor = f"{fresh('team')}/app", newest(office)
    for number in range(5):
        push(office, repository, str(number), b"%d" % number)
    whole = page(office.admin, after=cursor, repository=repository)["items"]
    found: list[Any] = []
    while part := page(office.admin, after=cursor, limit=3, repository=repository)["items"]:
        assert len(part) <= 3
        found += part
        cursor = part[-1]["id"]
    assert found == whole
    assert len(whole) == 10


def test_only_the_kinds_that_are_asked_for(office: Office) -> None:
    repository, cursor = f"{fresh('team')}/app", newest(office)
    push(office, repository)
    asked: dict[str, Any] = {"after": cursor, "repository": repository}
    assert told(page(office.admin, **asked, kind=["tagged", "untagged"])) == [("tagged", "1")]
    assert problem(office.admin.at.get("/changes", kind="none"), 422)


def test_rows_of_others_are_passed_over(office: Office) -> None:
    mine, theirs = fresh("mine"), fresh("theirs")
    person, cursor = office.person(f"reader:{mine}/*"), newest(office)
    push(office, f"{theirs}/app")
    push(office, f"{mine}/app")
    push(office, f"{theirs}/app", "2")
    found = page(person, after=cursor)
    assert {row["repository"] for row in found["items"]} == {f"{mine}/app"}
    assert int(found["next"]) == newest(office)
    assert page(person, after=cursor, repository=f"{theirs}/*")["items"] == []


def test_access_is_for_auditors(office: Office) -> None:
    auditor, nobody, cursor = office.person("auditor:*"), office.person(), newest(office)
    office.admin.at.post("/users", {"name": fresh("new")}).raise_for_status()
    assert [row["kind"] for row in page(office.admin, after=cursor)["items"]] == ["access"]
    assert [row["kind"] for row in page(auditor, after=cursor)["items"]] == ["access"]
    assert page(nobody, after=cursor)["items"] == []


def test_a_project_closed_to_the_address_is_not_told_of(office: Office) -> None:
    """The role alone would let them: the catalog lists it, and a pull is refused."""
    project = fresh("closed")
    person, cursor = office.person(f"reader:{project}/*"), newest(office)
    push(office, f"{project}/app")
    assert page(person, after=cursor)["items"]
    office.admin.at.patch(f"/projects/{project}", {"networks": ["10.1.2.0/24"]}).raise_for_status()
    assert page(person, after=cursor)["items"] == []


def test_who_waits_is_told_of_the_next_one(office: Office) -> None:
    mine, theirs = fresh("mine"), fresh("theirs")
    person = office.person(f"reader:{mine}/*")
    with asking(person, after=newest(office)) as answer:
        push(office, f"{theirs}/app")
        assert not answer.done()
        digest = push(office, f"{mine}/app")
        assert told(answer.result(60))[0] == ("pushed", digest)


def test_without_a_cursor_it_is_what_comes_from_now_on(office: Office) -> None:
    repository = f"{fresh('team')}/app"
    push(office, repository)
    with asking(office.admin, repository=repository, kind="tagged") as answer:
        while not answer.done():
            push(office, repository, fresh("tag"))
    assert answer.result()["items"]
    assert ("tagged", "1") not in told(answer.result())  # which was there before


def test_a_wait_ends_in_time_with_the_cursor_moved(office: Office) -> None:
    person, cursor = office.person(), newest(office)
    push(office, f"{fresh('team')}/app")
    found = page(person, after=cursor, wait=0.05)
    assert found["items"] == []
    assert int(found["next"]) > cursor


def test_rights_that_come_while_waiting_count(office: Office) -> None:
    project = fresh("team")
    person = office.person()
    push(office, f"{project}/app")
    with asking(person, after=newest(office)) as answer:
        office.accounts.grant(person.subject, f"reader:{project}/*")
        push(office, f"{project}/app", "2", b"2")
        assert ("tagged", "2") in told(answer.result(60)) or answer.result()["items"]


def test_who_is_deleted_waits_no_longer(office: Office) -> None:
    person = office.person()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: person.at.get("/changes", wait=20))
        time.sleep(0.1)
        assert not answer.done()
        office.admin.at.delete(f"/users/{person.name}").raise_for_status()
        assert answer.result(60).status_code == 401


def test_who_goes_away_costs_nothing_after(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """The request ends, which the metrics count, and nothing is logged as a failure."""
    before = answered(office)
    with office.served.connect() as sock:
        sock.sendall(asks(office, "changes?wait=60"))
        time.sleep(0.1)
        assert answered(office) == before
    deadline = time.monotonic() + 60
    while answered(office) == before:
        assert time.monotonic() < deadline, "it waits for a client that is gone"
        time.sleep(0.01)
    assert not [each for each in caplog.messages if each.startswith("the app ")]


def answered(office: Office) -> float:
    """Requests to this API so far."""
    lines = office.served.client.get("/metrics").text.splitlines()
    counts = [line for line in lines if line.startswith("entrepot_request_seconds_count")]
    return sum(float(line.rpartition(" ")[2]) for line in counts if 'route="admin"' in line)


def test_a_server_that_stops_lets_all_go_with_what_there_is(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with opened(tmp_path / "data") as office:
            cursor = newest(office)
            waiting = [stack.enter_context(office.served.connect()) for _ in range(5)]
            for sock in waiting:
                sock.sendall(asks(office, "session"))
                assert read(sock).status == 200
                sock.sendall(asks(office, f"changes?after={cursor}&wait=60"))
            assert select.select(waiting, [], [], 1)[0] == []
            newest(office)  # who asked before has been heard by now
        for sock in waiting:  # after 5 s it would have cut them, without an answer
            assert json.loads(read(sock).content) == {"items": [], "next": str(cursor)}


def asks(office: Office, path: str) -> bytes:
    """A request of the admin's, on a connection that stays."""
    shown = f"Authorization: {office.admin.at.authorization}"
    return f"GET /api/v1/{path} HTTP/1.1\r\nHost: t\r\n{shown}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "asked",
    [{"after": -1}, {"after": "x"}, {"wait": 61}, {"wait": -1}, {"wait": "nan"}, {"limit": 0}],
    ids=str,
)
def test_what_is_not_asked_so(office: Office, asked: dict[str, Any]) -> None:
    assert problem(office.admin.at.get("/changes", **asked), 422)


def test_a_cursor_that_is_ahead_is_told_where_the_log_ends(office: Office) -> None:
    said = office.admin.at.get("/changes", after=2**60, wait=20)
    assert f"after={newest(office)}" in problem(said, 409)


@contextmanager
def streaming(person: Person, **headers: str) -> Iterator[Iterator[str]]:
    """Lines of a stream of events, as they come."""
    given = {"accept": "text/event-stream", "authorization": person.at.authorization, **headers}
    path = "/api/v1/changes?kind=tagged&after=0"
    with person.at.client.stream("GET", path, headers=given) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield (line for line in answer.iter_lines() if line)


def test_as_events(office: Office) -> None:
    project = fresh("team")
    push(office, f"{project}/app", "one")
    with streaming(office.person(f"reader:{project}/*")) as lines:
        for tag in ("one", "two"):
            number, kind, data = (next(lines) for _ in range(3))
            change = json.loads(data.removeprefix("data: "))
            assert (number, kind) == (f"id: {change['id']}", "event: change")
            assert (change["repository"], change["reference"]) == (f"{project}/app", tag)
            push(office, f"{project}/app", "two")


def test_events_go_on_where_they_were(office: Office) -> None:
    project = fresh("team")
    for tag in ("one", "two"):
        push(office, f"{project}/app", tag)
    person = office.person(f"reader:{project}/*")
    first, _ = page(person, after=0, kind="tagged")["items"]
    with streaming(person, **{"last-event-id": str(first["id"])}) as lines:
        assert '"reference":"two"' in [next(lines) for _ in range(3)][2]


def test_a_stream_ends_with_the_token(office: Office) -> None:
    project = fresh("team")
    person = office.person(f"reader:{project}/*")
    push(office, f"{project}/app", "one")
    with streaming(person) as lines:
        assert next(lines).startswith("id: ")
        office.admin.at.delete(f"/users/{person.name}").raise_for_status()
        assert len(list(lines)) == 2
