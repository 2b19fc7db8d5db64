"""Every `entrepot …` in the documents is a command that exists, with options that exist."""

import contextlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from entrepot.cli import app

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`(entrepot [a-z][^`\n]*)`")
# Where a command can begin, and not where another program is told of a release of that name.
_CALL = re.compile(
    r"(?:^(?:\$ )?|[|;&(=]\s*|\bsudo )(?:[A-Z_]+=\S+ )*(?:\S*/)?(entrepot (?:[a-z]|--).*)"
)
_SHELLS = {"console", "sh", "bash", "shell", "ini", "systemd", "dockerfile"}


def commands(text: str) -> list[str]:
    """Command lines in fenced blocks, where a `$` or `ExecStart=` may precede, and in spans."""
    found = _SPAN.findall(_FENCE.sub("", text))
    for language, block in _FENCE.findall(text):
        if language in _SHELLS:
            lines = block.replace("\\\n", " ").splitlines()
            prompts = any(line.startswith("$ ") for line in lines)
            asked = [line for line in lines if line.startswith("$ ") or not prompts]
            found += [match[1] for line in asked if (match := _CALL.search(line))]
    return found


CALLS = {
    f"{path.name}: {call}": call
    for path in DOCUMENTS
    for call in dict.fromkeys(commands(path.read_text("utf-8")))
}


def parse(call: str) -> None:
    """Have the command line read as the program does, without running anything."""
    words = shlex.split(call, comments=True)[1:]
    ends = [
        i for i, word in enumerate(words) if word in {"|", "&", "&&", ";", ">", "<", "…", "2>&1"}
    ]
    words = [word for word in words[: min(ends, default=len(words))] if word != "…"]
    command: Any = typer.main.get_group(app)
    name: str | None = "entrepot"
    context = None
    while True:
        context = command.make_context(name, words, parent=context)
        if not isinstance(command, TyperGroup):
            context.close()
            return
        words = [*context._protected_args, *context.args]
        if not words and command.invoke_without_command:
            return
        name, command, words = command.resolve_command(context, words)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_command_in_the_documents_exists(call: str) -> None:
    with contextlib.suppress(typer.Exit):  # what --help ends with
        parse(call)


def test_the_documents_have_commands() -> None:
    assert any("entrepot serve" in call for call in CALLS)
    assert any("entrepot check" in call for call in CALLS)


@pytest.mark.parametrize(
    "call",
    [
        "entrepot serve --nonsense",
        "entrepot nonsense",
        "entrepot check --workers 2",
        "entrepot tls nonsense",
        "entrepot tls init --nonsense",
    ],
)
def test_a_command_that_does_not_exist_would_be_seen(call: str) -> None:
    text = f"```console\n$ sudo {call}\noutput\n```\n"
    assert commands(text) == [call]
    with pytest.raises(Exception, match=r"No such (option|command)"):
        parse(call)
