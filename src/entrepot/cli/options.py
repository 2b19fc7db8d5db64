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


def fail(message: str, status: int = 2) -> NoReturn:
    """Say on standard error what went wrong, and end."""
    print(f"entrepot: {message}", file=sys.stderr)  # noqa: T201 - what a command is for
    raise typer.Exit(status)
