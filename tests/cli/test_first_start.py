"""The first start of `entrepot serve`, those after it, and `entrepot recover`."""

import json
import re
from pathlib import Path

import httpx
import pytest
from tests.cli.command import Done
from tests.registry import Registry, StartRegistry
from tests.warm import entrepot

PASSWORD = "correct horse battery"

TOLD = re.compile(r"log in as admin with the password\s+(\S+)")


def told(registry: Registry) -> list[str]:
    """The passwords that stand in what the server said, since its first start."""
    return TOLD.findall(registry.log.read_text())


def lets_in(registry: Registry, password: str, name: str = "admin") -> bool:
    with httpx.Client(verify=False) as client:  # plain HTTP; so no CAs are read
        status = client.get(f"{registry.url}/v2/", auth=(name, password)).status_code
    assert status in (200, 401, 429)  # the last where a wrong one was tried too often
    return status == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_the_password_is_told_at_the_first_start_alone(
    start_registry: StartRegistry, workers: int
) -> None:
    registry = start_registry(dangerously_without_accounts=False, workers=workers)
    [password] = told(registry)
    assert lets_in(registry, password)
    registry.stop()
    registry.start()
    assert told(registry) == [password]
    assert registry.log.read_text().count(password) == 1
    assert lets_in(registry, password)
    assert not any(lets_in(registry, each) for each in ("admin", ""))
    registry.kill()  # what is there stays so, and is not tidied up either
    found = b"".join(each.read_bytes() for each in registry.data.rglob("*") if each.is_file())
    assert password.encode() not in found


def test_a_password_that_was_given_is_told_nowhere(start_registry: StartRegistry) -> None:
    registry = start_registry(dangerously_without_accounts=False, admin_password=PASSWORD)
    assert told(registry) == []
    assert lets_in(registry, PASSWORD)
    assert PASSWORD not in registry.log.read_text()
    registry.stop()
    registry.settings["ENTREPOT_ADMIN_PASSWORD"] = "another horse battery"
    registry.start()
    assert lets_in(registry, PASSWORD), "a later start changes nothing"
    assert not lets_in(registry, "another horse battery")


@pytest.mark.parametrize("password", ["short", "x" * 1025], ids=["short", "long"])
def test_a_password_that_is_none(password: str, tmp_path: Path) -> None:
    done = entrepot(
        *("serve", "--listen", "127.0.0.1:0"), cwd=tmp_path, ENTREPOT_ADMIN_PASSWORD=password
    )
    assert done.status == 2
    assert done.error == "entrepot: ENTREPOT_ADMIN_PASSWORD: a password has 8 to 1024 characters\n"


def test_without_accounts_there_is_no_admin(start_registry: StartRegistry) -> None:
    registry = start_registry()
    assert told(registry) == []
    registry.stop()
    registry.settings["ENTREPOT_DANGEROUSLY_WITHOUT_ACCOUNTS"] = "false"
    registry.start()
    [password] = told(registry)
    assert lets_in(registry, password)


def recover(registry: Registry, *words: str) -> Done:
    return entrepot("recover", "--data", str(registry.data), *words)


def test_whoever_can_write_the_folder_recovers_it(start_registry: StartRegistry) -> None:
    registry = start_registry(
        dangerously_without_accounts=False, admin_password=PASSWORD, workers=2
    )
    assert lets_in(registry, PASSWORD)
    done = recover(registry)
    assert (done.status, done.error) == (0, "")
    first, password = done.output.split()[0], done.output.split()[-1]
    assert first == "admin"
    for _ in range(4):  # whichever worker is asked
        assert lets_in(registry, password)
        assert not lets_in(registry, PASSWORD)
    document = json.loads(recover(registry, "--user", "alice", "--json").output)
    assert document["user"] == "alice"
    assert lets_in(registry, document["password"], "alice")
    users = httpx.get(f"{registry.url}/api/v1/users", auth=("alice", document["password"]))
    assert [each["name"] for each in users.json()["items"]] == ["admin", "alice"]
    registry.stop()
    again = json.loads(recover(registry, "--json").output)
    registry.start()
    assert lets_in(registry, again["password"])
    assert not lets_in(registry, password)


WRONG = {
    "no registry": (["--data", "nowhere"], "there is no registry in"),
    "no name": (["--data", "nowhere", "--user", "Bad Name"], "is no name"),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_recovered(words: list[str], said: str, tmp_path: Path) -> None:
    done = entrepot("recover", *words, cwd=tmp_path)
    assert done.status == 2
    assert done.error.startswith("entrepot: ")
    assert said in done.error
    assert list(tmp_path.iterdir()) == []
