"""An operator's day by the command line, on SQLite and a disk, and on PostgreSQL and a store."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.content import put_image
from tests.registry import Registry, StartRegistry, environment
from tests.seaweed import CREDENTIALS
from tests.warm import entrepot

APP = "team/app"
Command = Callable[..., Any]

KEY = secrets.token_hex(32)


@pytest.fixture(params=["sqlite and disk", "postgres and store"])
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Where all of it lies; encrypted."""
    kept: dict[str, Any] = {"encryption_key": KEY, "upkeep_pause": "0.2"}
    if request.param == "sqlite and disk":
        return kept
    bucket = request.getfixturevalue("bucket")
    return {**kept, **bucket.settings, "database_url": request.getfixturevalue("database_url")}


@pytest.fixture
def registry(settings: dict[str, Any], start_registry: StartRegistry) -> Registry:
    return start_registry(
        **settings, dangerously_without_accounts=False, admin_password=ADMIN.secret
    )


@pytest.fixture
def command(registry: Registry, tmp_path: Path) -> Command:
    """Runs one of the admin; what it prints as JSON."""
    contexts: dict[str, Any] = {"ENTREPOT_CONTEXTS": str(tmp_path / "contexts.json")}

    def run(*arguments: str, stdin: str = "") -> Any:
        done = entrepot(*arguments, "--json", stdin=stdin, **contexts)
        assert (done.status, done.error) == (0, ""), (arguments, done)
        return json.loads(done.output) if done.output.strip() else None

    where = ("login", registry.url, "-u", "admin", "--password-stdin")
    done = entrepot(*where, stdin=ADMIN.secret, **contexts)
    assert done.status == 0, done
    return run


def test_a_day(registry: Registry, settings: dict[str, Any], command: Command) -> None:
    with httpx.Client(base_url=registry.url, auth=ADMIN.pair, timeout=60) as client:
        digests = {
            tag: put_image(client, APP, tag, f"{tag}{'x' * 40_000}".encode())
            for tag in ("1.0.0", "1.0.1", "1.1.0", "latest")
        }
    people(command)
    mistakes(command, digests)
    rules(command)
    room(command)
    on_its_own_data(registry, settings)
    registry.stop()
    registry.start()
    assert [row["name"] for row in command("tag", "list", APP)] == ["1.0.1", "1.1.0", "latest"]


def people(command: Command) -> None:
    command("user", "create", "alice", "--password-stdin", stdin="correct horse battery staple")
    command("group", "create", "dev")
    command("group", "add", "dev", "alice")
    command("grant", "add", "group:dev", "writer", "team/*")
    made = command("robot", "create", "ci", "--grant", "reader:team/*", "--expires", "30d")
    assert made["secret"]
    assert command("can", "user:alice", "push", APP)["allowed"]
    assert len(command("audit", "list", "--actor", "user:admin")) > 3
    assert command("audit", "verify")["intact"]
    command("audit", "review")


def mistakes(command: Command, digests: dict[str, str]) -> None:
    command("tag", "delete", APP, "latest", "--yes")
    [item] = command("trash", "list")
    command("trash", "restore", str(item["id"]))
    gone = command("repository", "delete", APP, "--yes")
    assert command("repository", "list") == []
    command("trash", "restore", str(gone["trash"]))
    assert {row["name"]: row["digest"] for row in command("tag", "list", APP)} == digests


def rules(command: Command) -> None:
    command("retention", "set", "team/*", "--semver-patches", "1", "--yes")
    assert len(command("retention", "list")) == 1
    planned = command("retention", "plan", "team/*")
    assert [fate["tag"] for fate in planned["tags"] if not fate["keep"]] == ["1.0.0"]
    assert command("retention", "run", "team/*", "--yes")["deleted"] == 1


def room(command: Command) -> None:
    command("quota", "set", "team", "--bytes", "1MiB", "--tags", "10")
    [row] = command("quota", "list")
    assert row["bytes"] > 160_000
    command("gc", "--dry-run")
    command("gc")
    shown = command("encryption", "status")
    assert shown


def on_its_own_data(registry: Registry, settings: dict[str, Any]) -> None:
    """Commands that go to the data itself, beside the server that runs."""
    env: dict[str, Any] = {**environment(settings), **CREDENTIALS}
    for words in (("db", "status"), ("check",)):
        done = entrepot(*words, "--data", str(registry.data), **env)
        assert (done.status, done.error) == (0, ""), done
