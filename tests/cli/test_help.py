"""What the command says of itself."""

import json
import platform
import re
import sqlite3
import sys

import pytest
import typer
from tests.tools import run
from tests.warm import entrepot
from typer.core import TyperGroup

import entrepot as package
from entrepot.cli import app


def paths(group: TyperGroup, *above: str) -> list[tuple[str, ...]]:
    """Every command, as it is written: `("tls", "init")`."""
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        path = (*above, name)
        found += paths(command, *path) if isinstance(command, TyperGroup) else [path]
    return found


GROUP = typer.main.get_group(app)
COMMANDS = sorted(GROUP.commands)


@pytest.mark.parametrize("path", sorted(paths(GROUP)), ids=" ".join)
def test_help_has_an_example_that_works(path: tuple[str, ...]) -> None:
    done = entrepot(*path, "--help")
    assert done.status == 0
    text = " ".join(done.output.split())
    assert re.search(rf"Examples?: entrepot {' '.join(path)}\b", text.replace("`", "")), text


_ONE_BY_ONE = """
import importlib, os, pkgutil, sys, typer
from entrepot import cli
for found in pkgutil.iter_modules(cli.__path__, "entrepot.cli."):
    if os.fork() == 0:
        importlib.import_module(found.name)
        os._exit(0)
    print(found.name, os.wait()[1])
"""


def test_each_module_may_be_the_first_that_is_imported() -> None:
    """As it is where its command is started, since each loads its own."""
    said = run(sys.executable, "-c", _ONE_BY_ONE).stdout.split()
    assert "entrepot.cli.serve" in said
    assert set(said[1::2]) == {"0"}, said


def test_commands_of_groups_are_seen() -> None:
    assert {("serve",), ("tls", "init"), ("tls", "show")} <= set(paths(GROUP))


def test_help_lists_the_commands() -> None:
    for arguments in (["--help"], ["-h"]):
        done = entrepot(*arguments)
        assert done.status == 0
        assert all(command in done.output for command in COMMANDS)


def test_no_arguments_are_answered_by_help() -> None:
    done = entrepot()
    assert done.status == 2
    assert "Usage" in done.output + done.error


@pytest.mark.parametrize("arguments", [["nonsense"], ["check", "--nonsense"], ["serve", "extra"]])
def test_what_is_unknown_is_refused(arguments: list[str]) -> None:
    done = entrepot(*arguments)
    assert done.status == 2
    assert "Traceback" not in done.error
    assert "Error" in done.error


def test_version() -> None:
    done = entrepot("version")
    assert (done.status, done.error) == (0, "")
    assert done.output.startswith(f"entrepot {package.__version__}  python ")
    assert json.loads(entrepot("version", "--json").output) == {
        "entrepot": package.__version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown(shell: str) -> None:
    done = entrepot("--show-completion", shell)
    assert done.status == 0
    assert "entrepot" in done.output


def test_completion_knows_commands_and_options() -> None:
    """As bash asks, once it has read what the test above shows."""
    for words, wanted in [("entrepot ", {*COMMANDS}), ("entrepot check --", {"--data", "--json"})]:
        done = entrepot(
            _ENTREPOT_COMPLETE="complete_bash",
            COMP_WORDS=words,
            COMP_CWORD=str(len(words.split(" ")) - 1),
        )
        assert wanted <= set(done.output.split())
