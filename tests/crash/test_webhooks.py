"""A registry that is killed between sending and writing it down sends again, and loses nothing."""

import threading
from pathlib import Path

import httpx
from tests.accounts import ADMIN, first_start
from tests.content import put_image
from tests.registry import Registry, serving
from tests.upkeep.webhooks.receiver import Answer, Got, receiving
from tests.waiting import until


def add(registry: Registry, url: str) -> str:
    """A webhook; where its deliveries are listed."""
    wanted = {"url": url, "pattern": "*", "events": ["tagged"]}
    where = f"{registry.url}/api/v1/webhooks"
    made = httpx.post(where, json=wanted, auth=ADMIN.pair, timeout=60)
    return f"{where}/{made.raise_for_status().json()['id']}/deliveries"


def push(registry: Registry, *tags: str) -> None:
    with httpx.Client(base_url=registry.url, auth=ADMIN.pair, timeout=60) as client:
        for tag in tags:
            put_image(client, "team/app", tag, tag.encode())


def test_killed_after_it_sent(tmp_path: Path) -> None:
    held = threading.Event()

    def answer(_: Got) -> Answer:
        held.wait(30)
        return 200

    first_start(tmp_path / "data")
    with (
        receiving(answer) as receiver,
        serving(
            tmp_path,
            dangerously_without_accounts=False,
            webhook_networks="127.0.0.1",
            log_level="debug",
        ) as registry,
    ):
        log = add(registry, f"{receiver.url}?token=planted")
        push(registry, "one", "two")
        until(lambda: len(receiver.got) == 1)
        registry.kill()
        held.set()
        registry.start()
        push(registry, "three")
        until(lambda: len(receiver.got) == 4)
        tags = [each.document["data"]["tag"] for each in receiver.got]
        assert tags == ["one", "one", "two", "three"]
        first, again = receiver.got[:2]
        assert first.headers["webhook-id"] == again.headers["webhook-id"]

        def states() -> list[str]:
            found = httpx.get(log, auth=ADMIN.pair, timeout=60).json()["items"]
            return [each["state"] for each in found]

        until(lambda: states() == ["delivered"] * 3)
        assert receiver.got[0].path == "/hook?token=planted"
    told = (tmp_path / "registry.log").read_text()
    assert "/api/v1/webhooks" in told
    assert not any(secret in told for secret in ("/hook", "planted", "webhook-signature"))
