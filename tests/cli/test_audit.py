"""`entrepot audit`: what it shows of a registry that runs, and how it ends."""

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.accounts import ADMIN, Accounts
from tests.cli.command import Done
from tests.content import put_image
from tests.registry import Registry, serving
from tests.waiting import until
from tests.warm import entrepot

from entrepot.db import audit, engine
from entrepot.db.connection import Connection

Env = dict[str, str]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with serving(
        tmp_path_factory.mktemp("cli-audit"),
        dangerously_without_accounts=False,
        admin_password=ADMIN.secret,
    ) as registry:
        yield registry


@pytest.fixture(scope="module")
def env(registry: Registry) -> Env:
    """As CI would have it; two images were pushed, one was pulled."""
    token = Accounts(registry.data).token("admin")
    env = {"ENTREPOT_URL": registry.url, "ENTREPOT_TOKEN": token.secret}
    with httpx.Client(base_url=registry.url, auth=ADMIN.pair) as client:
        put_image(client, "team/app", "1")
        put_image(client, "other/app", "1")
        client.get("/v2/team/app/manifests/1").raise_for_status()
    until(lambda: '"pull"' in run(env, "list", "--repo", "team/app", "--json").output)
    return env


def run(env: Env, *arguments: str) -> Done:
    return entrepot("audit", *arguments, cwd=None, **env)


def test_list_as_json(env: Env) -> None:
    done = run(env, "list", "--repo", "team/app", "--since", "1h", "--json")
    assert (done.status, done.error) == (0, "")
    found = json.loads(done.output)
    assert [row["action"] for row in found] == ["pull", "tagged", "pushed"]
    assert {row["repository"] for row in found} == {"team/app"}


def test_list_as_a_table(env: Env) -> None:
    done = run(env, "list", "--repo", "team/*", "--action", "tagged")
    [heading, row] = done.output.splitlines()
    assert heading.split() == [
        *("at", "actor", "action", "what", "digest", "result", "times", "address", "client")
    ]
    assert row.split()[2:5] == ["user:admin", "tagged", "team/app:1"]


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--repo", "team/*"], 3),
        (["--repo", "team"], 0),
        (["--repo", "team/*", "--until", "1h"], 0),
        (["--repo", "team/*", "--since", "2020-01-01", "--until", "2999-01-01T00:00:00Z"], 3),
        (["--repo", "team/*", "--limit", "2"], 2),
        (["--repo", "team/*", "--limit", "0"], 3),
        (["--actor", "user:admin", "--action", "pull", "--result", "ok"], 1),
        (["--address", "10.0.0.1"], 0),
    ],
    ids=str,
)
def test_list_what_is_asked_for(env: Env, options: list[str], count: int) -> None:
    done = run(env, "list", *options, "--json")
    assert done.status == 0
    assert len(json.loads(done.output)) == count
    assert ("give a larger --limit" in done.error) is ("2" in options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["list", "--since", "yesterday"], "--since is 'yesterday': write"),
        (["list", "--until", "12"], "--until is '12': write"),
        (["list", "--since", "1x"], "--since is '1x': write"),
        (["list", "--repo", "Team"], "is no pattern of repositories"),
        (["verify", "--head", "x"], "--head is 'x': write ID:HASH"),
        (["verify", "--data", "/nowhere"], "there is no registry in /nowhere"),
        (["review", "--unused", "long"], "--unused is 'long': write"),
        (["export", "--output", "/nowhere/x"], "cannot write /nowhere/x: No such file"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(env: Env, options: list[str], said: str) -> None:
    done = run(env, *options)
    assert done.status in (1, 2)
    assert said in done.error
    assert done.error.count("\n") == 1


def test_export(env: Env, tmp_path: Path) -> None:
    done = run(env, "export", "--repo", "team/app")
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert [line["action"] for line in lines] == ["pull", "tagged", "pushed"]
    file = tmp_path / "audit.csv"
    done = run(env, "export", "--repo", "team/app", "--format", "csv", "--output", str(file))
    assert done == Done(0, "", "")
    with file.open(newline="") as stream:
        assert [row["action"] for row in csv.DictReader(stream)] == ["pull", "tagged", "pushed"]


def test_verify_by_the_registry_and_from_its_folder(env: Env, registry: Registry) -> None:
    for where in ([], ["--data", str(registry.data)]):
        done = run(env, "verify", *where)
        assert done.status == 0, done.error
        rows, note = done.output.splitlines()
        assert rows.endswith("rows, as they were written")
        head = note.removeprefix("note this head elsewhere: ")
        again = run(env, "verify", *where, "--head", head, "--json")
        assert again.status == 0
        assert json.loads(again.output)["intact"] is True
        wrong = f"{head.partition(':')[0]}:{'0' * 64}"
        assert run(env, "verify", *where, "--head", wrong).status == 1


def test_review_ends_with_1_only_where_something_is_a_warning(env: Env, registry: Registry) -> None:
    done = run(env, "review")
    assert done.status == 1
    assert "token laptop of user:admin" in done.output
    assert "it never expires" in done.output
    with closing(engine.connect(registry.data)) as db:
        db.execute("update secret set expires_at = 9e9")
        db.execute("update project set public = 1 where name = 'other'")
    done = run(env, "review", "--json")
    assert done.status == 0
    assert [each["kind"] for each in json.loads(done.output)] == ["public project"]


def test_verify_names_what_was_altered(env: Env, tmp_path: Path) -> None:
    engine.prepare(tmp_path)
    with closing(engine.connect(tmp_path)) as db:
        spoil(db)
    done = run(env, "verify", "--data", str(tmp_path))
    assert done.status == 1
    fault, rows, _ = done.output.splitlines()
    assert fault.startswith("FAULT row 2 does not follow")
    assert rows == "3 rows, NOT as they were written"


def spoil(db: Connection) -> None:
    from tests.db.audited import fill

    fill(db, 3)
    assert audit.head(db)[0] == 3
    db.execute("update audit set digest = 'x' where id = 2")
