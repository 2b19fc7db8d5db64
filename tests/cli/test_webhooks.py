"""`entrepot webhook` and `entrepot changes`, with a receiver that listens, and real pushes."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN, first_start
from tests.cli.desk import Desk
from tests.content import put_image
from tests.served import name, serving
from tests.upkeep.webhooks.receiver import Got, Receiver, receiving
from tests.waiting import until


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The admin's, at a registry whose webhooks may go to loopback, and die at once."""
    folder = tmp_path_factory.mktemp("desk")
    first_start(folder / "data")
    settings: dict[str, Any] = {
        "webhook_networks": ["127.0.0.1"],
        "webhook_retry_seconds": 0.02,
        "webhook_retry_days": 0,
        "public_url": "https://registry.test",
    }
    with serving(folder / "data", "own", dangerously_without_accounts=False, **settings) as served:
        found = Desk(served, folder / "mine" / "contexts.json")
        found.login()
        yield found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def push(desk: Desk, repository: str, tag: str = "1", layer: bytes = b"") -> str:
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair) as client:
        return put_image(client, repository, tag, layer or tag.encode())


def add(desk: Desk, url: str, repository: str, *more: str) -> dict[str, Any]:
    made: dict[str, Any] = desk.json("webhook", "add", url, "--repositories", repository, *more)
    return made


def is_signed(got: Got, secret: str) -> bool:
    """As a receiver verifies it, without our code."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    moment = got.headers["webhook-timestamp"]
    signed = f"{got.headers['webhook-id']}.{moment}.".encode() + got.body
    wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert abs(time.time() - int(moment)) < 60
    return f"v1,{wanted}" in got.headers["webhook-signature"].split()


def test_a_push_is_told_of_and_signed(desk: Desk, receiver: Receiver) -> None:
    repository = name()
    made = add(desk, receiver.url, repository, "--events", "pushed,tagged")
    digest = push(desk, repository)
    until(lambda: len(receiver.got) == 2)
    pushed, tagged = (each.document for each in receiver.got)
    assert (pushed["type"], tagged["type"]) == ("entrepot.manifest.pushed", "entrepot.tag.created")
    assert tagged["source"] == f"https://registry.test/v2/{repository}"
    assert tagged["data"]["digest"] == digest
    assert tagged["data"]["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert tagged["data"]["actor"] == "user:admin"
    for got in receiver.got:
        assert got.headers["content-type"] == "application/cloudevents+json"
        assert got.headers["webhook-id"] == got.document["id"]
        assert is_signed(got, made["secret"])


def test_after_a_rotation_both_secrets_are_good(desk: Desk, receiver: Receiver) -> None:
    made = add(desk, receiver.url, name())
    said = desk.good("webhook", "rotate", made["id"], "--overlap", "1h")
    (newer,) = re.findall(r"whsec_\S+", said)
    assert newer != made["secret"]
    desk.good("webhook", "test", made["id"])
    assert is_signed(receiver.got[-1], newer)
    assert is_signed(receiver.got[-1], made["secret"])
    assert desk.json("webhook", "show", made["id"])["signs_twice_until"]
    newest = desk.json("webhook", "rotate", made["id"], "--overlap", "0s")["secret"]
    desk.good("webhook", "test", made["id"])
    assert is_signed(receiver.got[-1], newest)
    assert not is_signed(receiver.got[-1], newer)


def test_a_secret_of_ones_own(desk: Desk, receiver: Receiver) -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
    words = ("webhook", "add", receiver.url, "--project", "team", "--secret-stdin", "--json")
    made = json.loads(desk.good(*words, stdin=f"{secret}\n"))
    assert made["pattern"] == "team/*"
    desk.good("webhook", "test", made["id"])
    assert is_signed(receiver.got[-1], secret)
    desk.good("webhook", "remove", made["id"], "--yes")


@pytest.mark.parametrize(
    ("form", "kind", "key"),
    [
        ("cloudevents", "application/cloudevents+json", "specversion"),
        ("docker", "application/vnd.docker.distribution.events.v1+json", "events"),
        ("slack", "application/json", "text"),
    ],
)
def test_formats(desk: Desk, receiver: Receiver, form: str, kind: str, key: str) -> None:
    repository = name()
    add(desk, receiver.url, repository, "--format", form)
    push(desk, repository)
    until(lambda: len(receiver.got) == 2)
    assert receiver.got[0].headers["content-type"] == kind
    assert key in receiver.got[0].document


def test_a_ping_says_what_came_of_it(desk: Desk, receiver: Receiver) -> None:
    made = add(desk, receiver.url, name())
    assert re.match(r"it answered 204 after \d+\.\d", desk.good("webhook", "test", made["id"]))
    assert receiver.got[0].document["type"] == "entrepot.ping"
    receiver.answer = lambda _: 503
    done = desk.run("webhook", "test", made["id"], "--json")
    assert (done.status, done.error) == (1, "")
    assert json.loads(done.output)["status"] == 503


def test_a_ping_that_goes_nowhere(desk: Desk) -> None:
    made = add(desk, "https://169.254.169.254/latest", name())
    done = desk.run("webhook", "test", made["id"])
    assert done.status == 1
    assert "ENTREPOT_WEBHOOK_NETWORKS" in done.output


def test_dead_letters_are_shown_and_sent_again(desk: Desk, receiver: Receiver) -> None:
    repository = name()
    receiver.answer = lambda _: 500
    made = add(desk, receiver.url, repository, "--events", "tagged")
    push(desk, repository)
    until(lambda: desk.json("webhook", "log", made["id"], "--dead"))
    (dead,) = desk.json("webhook", "log", made["id"])
    assert (dead["state"], dead["status"], dead["error"]) == ("dead", 500, "it answered 500")
    assert re.search(rf"{repository} +dead", desk.good("webhook", "log", made["id"]))
    receiver.answer = lambda _: 200
    receiver.got.clear()
    assert desk.good("webhook", "replay", made["id"], "--dead") == "1 are sent again\n"
    until(lambda: receiver.got)
    assert receiver.got[0].headers["webhook-id"] == str(dead["change"])
    until(lambda: desk.json("webhook", "log", made["id"])[0]["state"] == "delivered")
    assert desk.json("webhook", "log", made["id"], "--dead") == []
    assert desk.json("webhook", "replay", made["id"], str(dead["id"])) == {"replayed": 1}
    until(lambda: len(receiver.got) == 2)


def test_paused_and_resumed(desk: Desk, receiver: Receiver) -> None:
    repository = name()
    made = add(desk, receiver.url, repository)
    assert desk.good("webhook", "pause", made["id"]) == f"webhook {made['id']} is paused\n"
    push(desk, repository)
    assert desk.json("webhook", "show", made["id"])["paused"]
    assert receiver.got == []
    desk.good("webhook", "resume", made["id"])
    until(lambda: len(receiver.got) == 2)


def test_what_it_is_told_of_is_changed(desk: Desk, receiver: Receiver) -> None:
    repository = name()
    made = add(desk, receiver.url, repository, "--about", "the build")
    desk.good("webhook", "set", made["id"], "--events", "untagged,tagged", "--about", "")
    shown = desk.json("webhook", "show", made["id"])
    assert (shown["events"], shown["about"]) == (["tagged", "untagged"], "")
    push(desk, repository)
    until(lambda: receiver.got)
    assert [each.document["type"] for each in receiver.got] == ["entrepot.tag.created"]


def test_listed_without_what_is_secret(desk: Desk) -> None:
    made = add(desk, "https://chat.test/services/T0/B1/xyz?token=abc", name(), "--format", "slack")
    said = desk.good("webhook", "list")
    assert re.search(rf"{made['id']} +\S+ +https://chat.test/…\?… +slack", said)
    assert made["secret"] not in said
    desk.good("webhook", "remove", made["id"], "--yes")
    assert made["id"] not in desk.good("webhook", "list")
    assert "there is no webhook" in desk.bad("webhook", "show", made["id"])


BAD = {
    "no repositories": ("add https://x.test", "--project team"),
    "both": ("add https://x.test --project a --repositories a/b", "--project team"),
    "no URL": ("add nonsense --project team", "https://HOST/PATH"),
    "no event": ("add https://x.test --project team --events nonsense", "pushed, tagged"),
    "no format": ("add https://x.test --project team --format morse", "cloudevents"),
    "no id": ("show nonsense", "webhook"),
    "nothing to change": ("set 0badc0de", "--events"),
    "nothing to replay": ("replay 0badc0de", "--dead"),
}


@pytest.mark.parametrize(("line", "said"), BAD.values(), ids=BAD)
def test_what_is_refused(desk: Desk, line: str, said: str) -> None:
    assert said in desk.bad("webhook", *line.split())


def test_changes(desk: Desk) -> None:
    repository, cursor = name(), desk.at.get("/changes").json()["next"]
    digest = push(desk, repository)
    assert re.search(rf"pushed +{repository} +{digest}", desk.good("changes", repository))
    found = desk.json("changes", repository, "--after", cursor, "--kind", "tagged")
    assert [(row["reference"], row["new"]) for row in found] == [("1", digest)]
    assert desk.json("changes", repository, "--after", str(found[0]["id"])) == []


def test_changes_as_they_come(desk: Desk) -> None:
    repository = name()
    cursor = desk.at.get("/changes").json()["next"]
    words = ["changes", repository, "--follow", "--json", "--kind", "tagged", "--after", cursor]
    outer = {key: value for key, value in os.environ.items() if not key.startswith("ENTREPOT_")}
    with subprocess.Popen(
        [sys.executable, "-m", "entrepot", *words],
        env={**outer, "ENTREPOT_CONTEXTS": str(desk.contexts)},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        try:
            for tag in ("one", "two"):
                push(desk, repository, tag)
                found = json.loads(process.stdout.readline())
                assert (found["repository"], found["reference"]) == (repository, tag)
        finally:
            process.kill()
