"""The access log and the error log, as JSON and for a terminal, of a real process."""

import contextlib
import io
import json
import logging
import re
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.content import put_blob, put_image
from tests.registry import Registry, StartRegistry

from entrepot.db import engine
from entrepot.observe.logs import ErrorLog, TextFormatter

NASTY = [
    b"/v2/%0a%0d/x",
    b"/v2/a\x80\xff/x",
    b'/v2/"},{"kind":"access"/x',
    b"/v2/\\u0000\\n/x",
    b"/v2/%1b[31mred/x",
    b"/v2/\xc2\x85\xe2\x80\xa8/x",
    b"/v2/{}%s%d/x",
]


def requests(text: str) -> list[str]:
    """The lines that tell of requests below /v2/; the banner tells of one, too."""
    return [line for line in text.split("\n") if "/v2/" in line and "curl" not in line]


def lines(registry: Registry, least: int = 1) -> list[str]:
    """What was logged, once there is so much of it."""
    for _ in range(1200):
        found = requests(registry.log.read_text())
        if len(found) >= least:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{len(found)} lines, not {least}")


def shout(registry: Registry, target: bytes, agent: bytes = b"t") -> None:
    host, _, port = registry.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as sock:
        head = b"GET %b HTTP/1.1\r\nhost: t\r\nuser-agent: %b\r\nconnection: close\r\n\r\n"
        sock.sendall(head % (target, agent))
        while sock.recv(65536):
            pass


def test_access_as_json(start_registry: StartRegistry) -> None:
    registry = start_registry(log_format="json")
    with httpx.Client(base_url=registry.url, headers={"user-agent": 'a "b"'}) as client:
        put_blob(client, "a", b"x" * 20_000)
        answer = client.get("/v2/a/tags/list?n=1", headers={"x-request-id": "given-1"})
    found = [json.loads(line) for line in lines(registry, 2)]
    last = found[-1]
    assert last["request"] == answer.headers["x-request-id"] == "given-1"
    assert (last["method"], last["target"]) == ("GET", "/v2/a/tags/list?n=1")
    assert (last["kind"], last["status"], last["client"]) == ("access", 200, "127.0.0.1")
    assert (last["sent"], last["agent"]) == (len(answer.content), 'a "b"')
    assert abs(last["time"] - time.time()) < 60
    assert 0 < last["seconds"] < 60
    assert [line["method"] for line in found] == ["POST", "GET"]


def test_access_as_text(start_registry: StartRegistry) -> None:
    registry = start_registry(log_format="text")
    answer = httpx.get(f"{registry.url}/v2/nowhere/tags/list?n=1")
    [line] = lines(registry)
    identity = re.escape(answer.headers["x-request-id"])
    pattern = r"\d\d:\d\d:\d\d 404 GET   /v2/nowhere/tags/list\?n=1 [\d.]+ ms \d+ B 127\.0\.0\.1 "
    assert re.fullmatch(pattern + identity, line)


def test_no_access_log(start_registry: StartRegistry) -> None:
    registry = start_registry(access_log=False)
    httpx.get(f"{registry.url}/v2/quiet/tags/list")
    registry.stop()
    assert "/v2/quiet" not in registry.log.read_text()


@pytest.mark.parametrize("form", ["json", "text"])
def test_log_injection(start_registry: StartRegistry, form: str) -> None:
    """One request is one line, whatever is in it, and every line can be read."""
    registry = start_registry(log_format=form)
    agents = [b'"}', b"\xff\x80", b"a\tb", b"\\n", b"\xe2\x80\xa8"]
    for number, target in enumerate(NASTY):
        shout(registry, target, agents[number % len(agents)])
    with httpx.Client(base_url=registry.url) as client:
        client.get("/v2/the/tags/list", headers={"x-request-id": 'a"b\\'})
    registry.stop()
    text = registry.log.read_bytes()
    assert b"\x1b" not in text
    assert b"\r" not in text
    found = requests(text.decode("ascii"))
    assert len(found) == 1 + sum(target.isascii() for target in NASTY)  # others never get in
    for line in found if form == "json" else ():
        document: dict[str, Any] = json.loads(line)
        assert document["kind"] == "access"
        assert document["target"].startswith("/v2/")


@pytest.mark.parametrize("form", ["json", "text"])
def test_error_with_the_requests_id(start_registry: StartRegistry, form: str) -> None:
    registry = start_registry(log_format=form)
    with httpx.Client(base_url=registry.url) as client:
        put_image(client, "a", "t")
        break_database(registry.data)
        answer = client.get("/v2/_catalog", headers={"x-request-id": "find-me"})
    assert answer.status_code == 500
    assert answer.json()["errors"][0]["code"] == "UNKNOWN"
    assert "no such" not in answer.text
    text = registry.log.read_text()
    if form == "json":
        told = [json.loads(line) for line in text.split("\n") if '"kind":"error"' in line]
        [error] = [each for each in told if each.get("request") == "find-me"]  # jobs fail, too
        assert "sqlite3.OperationalError" in error["traceback"]
    else:
        assert re.search(r"ERROR entrepot\.api: storage failed \(find-me\)\nTraceback", text)
    registry.kill()
    registry.log.write_text("")  # what the fixture would take for an error of its own


def test_a_log_that_has_no_room_is_told_of_later() -> None:
    """On a full disk the log must not raise, nor fill itself with tracebacks of its own."""
    record = logging.LogRecord("entrepot", logging.ERROR, "", 0, "%s happened", ("it",), None)
    with contextlib.suppress(OSError), Path("/dev/full").open("w", buffering=1) as full:
        handler = ErrorLog(full)
        handler.setFormatter(TextFormatter())
        handler.emit(record)
    handler.stream = later = io.StringIO()
    handler.emit(record)
    told, line = later.getvalue().splitlines()
    assert "could not be written 1 times" in told
    assert line.endswith("it happened")


def break_database(folder: Path) -> None:
    with contextlib.closing(engine.connect(folder)) as db, db.exclusive():
        db.execute("alter table repository rename column name to other")
