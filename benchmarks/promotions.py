"""Promotions, one after the other: each asks its gates, and is synced before it is answered."""

import json
import time
from base64 import b64encode

from .meter import percentiles
from .peers import PRIVATE
from .pushes import put_image
from .server import Server
from .wire import Connection

VERSIONS = 20
REPOSITORY = f"{PRIVATE}/promoted"
APPROVERS = ("approver-1", "approver-2")
WORD = "correct horse battery"
GATES = {
    "approvals": len(APPROVERS),
    "reports": ["tests", "scan"],
    "soak": 0.001,
    "windows": ["daily 00:00-24:00 Europe/Berlin"],
}


def promote(server: Server, seconds: float) -> dict[str, float]:
    """Measure promotions into a channel that asks for all that needs no key."""
    versions = [f"1.{number}.0" for number in range(VERSIONS)]
    with server.connect() as connection:
        _furnish(connection, server.port, versions)
        taken: list[float] = []
        cpu, end = server.cpu(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            begin = time.perf_counter()
            _promote(connection, versions[len(taken) % VERSIONS], "prod")
            taken.append(time.perf_counter() - begin)
    return {**percentiles(taken), "cpu_us": (server.cpu() - cpu) / len(taken) * 1e6}


def _furnish(connection: Connection, port: int, versions: list[str]) -> None:
    """Versions that have been in the channel before, were tested, and approved by two people."""
    for version in versions:
        put_image(connection, REPOSITORY, version)
    _ask(connection, "PUT", f"/channels?scope={REPOSITORY}", {"channels": ["test", "prod"]})
    _ask(connection, "PATCH", f"/channels/gates?scope={REPOSITORY}&channel=prod", GATES)
    for version in versions:
        _promote(connection, version, "test")
        which = {"repository": REPOSITORY, "version": version}
        for name in GATES["reports"]:  # type: ignore[attr-defined]
            _ask(connection, "POST", "/reports", {**which, "name": name, "passed": True})
    for name in APPROVERS:
        _ask(connection, "POST", "/users", {"name": name, "password": WORD}, 201, 409)
        grant = {"subject": f"user:{name}", "role": "maintainer", "pattern": f"{PRIVATE}/*"}
        _ask(connection, "POST", "/grants", grant)
        pair = b64encode(f"{name}:{WORD}".encode()).decode()
        with Connection(port, f"authorization: Basic {pair}\r\n") as theirs:
            for version in versions:
                wish = {"repository": REPOSITORY, "version": version, "to": "prod"}
                _ask(theirs, "POST", "/approvals", wish)


def _promote(connection: Connection, version: str, channel: str) -> None:
    body = {"repository": REPOSITORY, "version": version, "to": channel}
    _ask(connection, "POST", "/promotions", body, 200)


def _ask(connection: Connection, method: str, path: str, body: object, *statuses: int) -> None:
    answer = connection.request(
        method,
        f"/api/v1{path}",
        headers="content-type: application/json\r\n",
        body=json.dumps(body).encode(),
    )
    answer.require(*(statuses or (200, 201)))
