"""Each command by its written form: what it says, what a program reads, what mends an error."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
import typer
from tests.admin.office import PASSWORD
from tests.cli.desk import Desk
from tests.cli.test_help import GROUP, paths
from tests.warm import entrepot
from typer.core import TyperGroup

from entrepot.auth import secrets

STORY: dict[str, tuple[str, Any]] = {
    "user create alice --password-stdin": ("user alice is made", {"name": "alice"}),
    "user create bob --no-password --email b@x.y": ("user bob is made", {"email": "b@x.y"}),
    "user list": (r"alice .*yes", [{"name": "admin"}, {"name": "alice"}, {"name": "bob"}]),
    "user show bob": (r"email +b@x.y", {"name": "bob", "password": False}),
    "user update bob --description Bob": ("user bob is changed", {"description": "Bob"}),
    "user disable bob": ("user bob is changed", {"disabled": True}),
    "user enable bob": ("user bob is changed", {"disabled": False}),
    "user link bob --identity https://a|b": ("user bob is changed", {"identity": "https://a|b"}),
    "user unlink bob": ("user bob is changed", {"identity": None}),
    "user password bob --password-stdin": ("bob has a new password", {"name": "bob"}),
    "group create dev --description All": ("group dev is made", {"name": "dev"}),
    "group add dev alice": ("alice is in dev", {"group": "dev", "user": "alice"}),
    "group list": (r"dev +All +alice", [{"members": ["alice"]}]),
    "group show dev": (r"members +alice", {"members": ["alice"]}),
    "group remove dev alice": ("alice is not in dev any more", {"user": "alice"}),
    "project create team --private": ("project team is made", {"public": False}),
    "project update team --immutable v* --immutable [0-9]*": (
        "project team is changed",
        {"immutable": ["v*", "[0-9]*"]},
    ),
    "project list": ("team", [{"name": "team"}]),
    "project show team": (r"public +no[^$]*immutable +v\*, \[0-9\]\*", {"name": "team"}),
    "project repositories team": ("", []),
    "project update team --public --longest-token 90d": (
        "project team is changed",
        {"public": True, "longest_token": 7776000},
    ),
    "tag immutable add team --semver": (
        r"semver releases hold still in team/\* \(rule \d+\)",
        {"repositories": "team/*", "kind": "semver", "tags": "", "created_by": "user:admin"},
    ),
    "tag immutable add team/app --regex v[0-9]+(-lts)?": (
        r"tags v\[0-9\]\+\(-lts\)\? hold still in team/app",
        {"repositories": "team/app", "kind": "regex", "tags": "v[0-9]+(-lts)?"},
    ),
    "tag immutable list": (
        r"team/\* +glob +v\*[^$]*team/app +regex +v\[0-9\]\+",
        [
            {"tags": "v*"},
            {"tags": "[0-9]*"},
            {"kind": "semver"},
            {"repositories": "team/app"},
        ],
    ),
    "tag float set team --major --latest": (
        r"1, latest float in team/\*: 0 tags moved now",
        {"repositories": "team/*", "moves": []},
    ),
    "tag float set team/app --minor --prereleases --dry-run": (
        r"1\.4, pre-releases too would float in team/app: 0 tags would move now",
        {"repositories": "team/app"},
    ),
    "tag float list": (
        r"team/\* +1, latest .*user:admin",
        [{"repositories": "team/*", "created_by": "user:admin"}],
    ),
    "tag float off team": (r"nothing floats by a rule for team", {"repositories": "team"}),
    "project update team --no-immutable": ("project team is changed", {"immutable": []}),
    "grant add user:alice reader team/*": ("user:alice is reader on team/*", {"role": "reader"}),
    "grant list --subject user:alice": (r"user:alice +reader +team/\*", [{"pattern": "team/*"}]),
    "can user:alice push team/app": ("no: no grant lets user:alice push", {"allowed": False}),
    "can user:alice pull team/app": ("yes: project team is public", {"allowed": True}),
    "robot create ci --grant writer:team/*": ("robot ci is made", {"username": "robot/ci"}),
    "robot list": (r"ci .*writer on team/\*", [{"name": "ci"}]),
    "robot show ci": (r"grants +writer on team/\*", {"name": "ci", "disabled": False}),
    "robot update ci --description Builds": ("robot ci is changed", {"description": "Builds"}),
    "robot rotate ci --overlap 24h": ("robot ci has a new secret", {"name": "ci"}),
    "robot disable ci": ("robot ci is changed", {"disabled": True}),
    "robot enable ci": ("robot ci is changed", {"disabled": False}),
    "token create --name laptop --expires 30d": ("token laptop is made", {"name": "laptop"}),
    "token create --name narrow --limit reader:team/* --expires never": (
        "token narrow is made",
        {"limits": [{"role": "reader", "pattern": "team/*"}], "expires_at": None},
    ),
    "token list": (r"narrow +personal +reader on team/\*", [{"kind": "session"}]),
    "key list": ("retired", [{"retired_at": None}]),
    "key rotate": ("signs from now on", {"retired_at": None}),
    "key rotate --now": ("signs from now on", {"retired_at": None}),
    "robot delete ci --yes": ("robot ci is gone", {"name": "ci"}),
    "group delete dev --yes": ("group dev is gone", {"name": "dev"}),
    "project delete team --yes": ("project team is gone", {"name": "team"}),
    "user delete bob --yes": ("user bob is gone", {"name": "bob"}),
    "user delete alice --yes": ("user alice is gone", {"name": "alice"}),
    "whoami": (r"subject +user:admin", {"subject": "user:admin"}),
    "context list": (r"\* +127.0.0.1:", [{"subject": "user:admin"}]),
}


def tell(desk: Desk, *, as_json: bool) -> dict[str, str]:
    """Run the story from its beginning to its end; what each command said."""
    said = {}
    for line in STORY:
        stdin = PASSWORD if "--password-stdin" in line else ""
        words = [*line.split(), *(["--json"] if as_json else [])]
        said[line] = desk.good(*words, stdin=stdin)
    return said


@pytest.fixture(scope="module")
def told(desk: Desk) -> dict[str, str]:
    return tell(desk, as_json=False)


@pytest.fixture(scope="module")
def documents(desk: Desk, told: dict[str, str]) -> dict[str, Any]:
    return {line: json.loads(text) for line, text in tell(desk, as_json=True).items()}


@pytest.mark.parametrize("line", STORY)
def test_what_it_says(told: dict[str, str], line: str) -> None:
    assert re.search(STORY[line][0].replace("/*", "/[*]"), told[line]), told[line]
    assert "Traceback" not in told[line]


@pytest.mark.parametrize("line", STORY)
def test_what_a_program_reads(documents: dict[str, Any], line: str) -> None:
    wanted, found = STORY[line][1], documents[line]
    if isinstance(wanted, dict):
        assert wanted.items() <= found.items()
        return
    for each in wanted:
        assert any(each.items() <= row.items() for row in found), found


SECRET = re.compile(secrets.PATTERN)


def test_a_secret_is_said_once(told: dict[str, str], documents: dict[str, Any]) -> None:
    every = [*told.values(), *(json.dumps(each) for each in documents.values())]
    found = [secret for text in every for secret in SECRET.findall(text)]
    assert len(found) == len(set(found)) == 2 * 4
    making = ("robot create", "robot rotate", "token create")
    for line, text in told.items():
        assert bool(SECRET.search(text)) == line.startswith(making)
        assert PASSWORD not in text


def test_a_secret_comes_with_the_line_to_use_it_by(desk: Desk, told: dict[str, str]) -> None:
    host = desk.url.removeprefix("http://")
    line = "robot create ci --grant writer:team/*"
    assert f"docker login {host} -u robot/ci --password-stdin" in told[line]
    line = "token create --name laptop --expires 30d"
    assert f"docker login {host} -u admin --password-stdin" in told[line]


def test_every_command_of_these_nouns_is_in_the_story() -> None:
    nouns = {"user", "group", "project", "grant", "can", "robot", "token", "key", "whoami"}
    beside = {
        ("grant", "remove"),
        ("robot", "revoke"),
        ("token", "rotate"),
        ("token", "revoke"),
    }
    every = {path for path in paths(GROUP) if path[0] in nouns}
    known = {path for path in every for line in STORY if tuple(line.split()[: len(path)]) == path}
    assert every - known == beside


def commands(group: TyperGroup, *above: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            found |= commands(command, *above, name)
        else:
            found[" ".join((*above, name))] = command
    return found


COMMANDS = commands(GROUP)


# What serves ends only with a signal; and an export has formats of its own.
SPEAKING = sorted(set(COMMANDS) - {"serve", "kube controller", "audit export"})


@pytest.mark.parametrize("name", SPEAKING)
def test_every_command_speaks_json(name: str) -> None:
    options = {option for each in COMMANDS[name].params for option in each.opts}
    assert "--json" in options


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_command_takes_a_secret_as_an_argument(name: str) -> None:
    """Arguments are seen by every user of the machine."""
    for each in COMMANDS[name].params:
        secret = re.search("password|secret|token", each.name or "")
        takes_it = secret and not isinstance(each, typer.core.TyperArgument) and not each.is_flag
        assert not takes_it or each.name in ("longest", "longest_token"), each.name


def test_by_numbers(desk: Desk) -> None:
    """What is named by the number that a list shows."""
    grant = desk.json("grant", "add", "user:admin", "reader", "base/*")
    assert desk.good("grant", "remove", str(grant["id"])) == f"grant {grant['id']} is taken back\n"
    token = desk.json("token", "create", "--name", "spare")
    assert datetime.fromisoformat(token["expires_at"]).timestamp() == pytest.approx(
        datetime.now(UTC).timestamp() + 90 * 24 * 3600, abs=60
    )
    newer = desk.json("token", "rotate", str(token["id"]), "--overlap", "0")
    assert newer["name"] == "spare"
    assert desk.good("token", "revoke", str(newer["id"])) == f"token {newer['id']} is gone\n"
    robot = desk.json("robot", "create", "numbered", "--expires", "90d")
    number = str(robot["secrets"][0]["id"])
    assert desk.json("robot", "revoke", "numbered", number) == {
        "name": "numbered",
        "id": int(number),
    }
    assert desk.json("robot", "show", "numbered")["secrets"] == []


def test_ones_own_password_wants_the_current_one(desk: Desk, empty: Desk) -> None:
    desk.good("user", "create", "carol", "--password-stdin", stdin=PASSWORD)
    empty.login("carol")
    words = ("user", "password", "carol", "--password-stdin")
    assert "current" in empty.bad(*words, stdin="another horse battery\n")
    empty.good(*words, stdin=f"{PASSWORD}\nanother horse battery\n")
    empty.login("carol", "another horse battery")


def test_can_tells_by_its_exit_code(desk: Desk) -> None:
    asked = ("can", "anonymous", "pull", "nowhere/app", "--quiet")
    assert desk.run(*asked).status == 1
    asked = ("can", "user:admin", "pull", "nowhere/app", "--quiet")
    done = desk.run(*asked)
    assert (done.status, done.output, done.error) == (0, "", "")


def test_lists_of_several_pages_are_whole(desk: Desk) -> None:
    with desk.accounts._change("many users") as db:
        db.executemany(
            "insert into account (kind, name, created_at, created_by) values ('user', ?, 0, 'x')",
            [(f"paged{number:04}",) for number in range(1100)],
        )
    rows = desk.json("user", "list")
    assert sum(row["name"].startswith("paged") for row in rows) == 1100


ERRORS: dict[str, str] = {
    "user show nobody": "there is no user 'nobody'",
    "user create Bad! --no-password": "is no name: use 1 to 128 of a-z",
    "user create new": "give the password by --password-stdin",
    "user delete admin": "Say --yes, since there is no terminal to ask at",
    "user delete admin --yes": "make another admin first",
    "user disable admin": "make another admin first",
    "group show nothing": "there is no group 'nothing'",
    "group add nothing admin": "there is no group 'nothing'",
    "group delete nothing": "Say --yes",
    "project show nothing": "there is no project 'nothing', or you may not see it",
    "project create team/app": "a project is the first part of a repository's name",
    "project create team --immutable v[": "write tags as a shell does: v*, release-?",
    "project update team --immutable v* --no-immutable": "not both",
    "tag immutable add team": "give one of --all, --semver, --glob and --regex",
    "tag immutable add team --all --semver": "give one of",
    "tag immutable add te* --all": "rules lie in one project",
    "tag immutable add team/ --all": "write *, team/*, team/app-* or team/app",
    "tag immutable add team --glob v[": "write tags as a shell does",
    "tag immutable add team --regex (a": "there is no ) for a (",
    "tag immutable add team --regex (?=a)": "no lookarounds",
    "tag immutable add nowhere --all": "there is no project nowhere",
    "tag float set team": "give at least one of --major, --minor and --latest",
    "tag float set * --major": "rules lie in one project",
    "tag float set nowhere --major": "there is no project nowhere",
    "tag float off nothing": "nothing floats by a rule for nothing/*",
    "tag immutable remove 999999": "there is no rule 999999",
    "project create team --longest-token soon": "write 30s, 15m, 12h, 30d or 2w",
    "grant add alice reader team/*": "write user:, group:, robot: or workload:NAME",
    "grant add user:nobody reader team/*": "there is no user nobody: make it first",
    "grant add user:admin reader te*am": "write *, team/*, team/app-* or team/app",
    "grant add user:admin auditor team/*": "give it on *",
    "grant remove 999999": "there is no grant 999999",
    "can nobody pull team/app": "an actor is user:NAME",
    "can user:nobody pull team/app": "there is no user 'nobody'",
    "can user:admin pull Team/App": "name",
    "robot create ci --grant team": "write ROLE:PATTERN, such as 'writer:team/*'",
    "robot create ci --grant king:team/*": "should be 'reader', 'writer'",
    "robot create ci --expires tomorrow": "write 30s, 15m, 12h, 30d or 2w",
    "robot create Bad!": "is no name",
    "robot show nothing": "there is no robot 'nothing', or you may not see it",
    "robot rotate nothing": "there is no robot 'nothing', or you may not see it",
    "robot rotate nothing --overlap long": "write 30s, 15m, 12h, 30d or 2w",
    "robot delete nothing": "Say --yes",
    "robot revoke nothing 1": "there is no robot 'nothing', or you may not see it",
    "token create --name x --limit reader": "write ROLE:PATTERN",
    "token create --name x --expires 0s": "greater than 0",
    "token revoke 999999": "there is no token 999999, or it is not yours",
    "token rotate 999999": "there is no token 999999, or it is not yours",
    "token list --user nobody": "there is no user 'nobody'",
}


@pytest.mark.parametrize("line", ERRORS)
def test_errors_name_what_mends_them(desk: Desk, line: str) -> None:
    assert ERRORS[line] in desk.bad(*line.split())


def test_odd_text_is_shown_as_such(desk: Desk) -> None:
    """A description must not move the cursor, nor colour the terminal."""
    odd = "\x1b[31mred\x1b[0m\nline [bold]"
    desk.good("user", "create", "odd", "--no-password", "--description", odd)
    shown = desk.good("user", "show", "odd")
    assert "\x1b" not in shown
    assert r"\x1b[31mred\x1b[0m\nline [bold]" in shown
    assert desk.json("user", "show", "odd")["description"] == odd
    desk.good("user", "delete", "odd", "--yes")


@pytest.mark.parametrize("line", ["user list", "robot create x"])
def test_where_nobody_serves(line: str) -> None:
    done = entrepot(*line.split(), ENTREPOT_URL="http://127.0.0.1:1", ENTREPOT_TOKEN="x")
    assert done.status == 1
    assert done.error.startswith("entrepot: cannot reach http://127.0.0.1:1: ")
    assert "Traceback" not in done.error
