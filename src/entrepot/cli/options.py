"""Options that several commands have, and how a command fails."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

Data = Annotated[
    Path | None, typer.Option(help="Folder of the registry's data.", show_default="data")
]
Config = Annotated[
    Path | None,
    typer.Option(help="File with settings.", show_default="entrepot.toml, where there is one"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")]


def confirm(question: str, *, yes: bool, option: str = "--yes") -> None:
    """Ask before something that cannot be undone; without a terminal it takes the option."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Say {option}, since there is no terminal to ask at")
    typer.confirm(question, abort=True, err=True)


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """What is in a file that an option names."""
    try:
        return path.read_text(encoding)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read {path}: {error}")


def fail(message: str, status: int = 2) -> NoReturn:
    """Say on standard error what went wrong, and end."""
    print(f"entrepot: {message}", file=sys.stderr)  # noqa: T201 - what a command is for
    raise typer.Exit(status)
