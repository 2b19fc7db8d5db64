"""The command `entrepot`: one file per noun. A command says what it did, or how to mend it."""

import atexit
import os
from gc import freeze, set_threshold  # not `gc`: the command of that name takes its place here
from typing import Annotated

import typer

from entrepot.cli.nouns import Nouns

app = typer.Typer(
    name="entrepot",
    cls=Nouns,
    help="An image registry for Kubernetes: one process, a folder and SQLite.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from entrepot.cli import version

        version.say()
        raise typer.Exit


@app.callback()
def entrepot(
    ctx: typer.Context,
    *,
    context: Annotated[
        str | None,
        typer.Option(help="Which registry, of those logged in to.", show_default="the last one"),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Say which Entrepot this is.", callback=_show_version),
    ] = False,
) -> None:
    """An image registry for Kubernetes: one process, a folder and SQLite."""
    ctx.obj = {"context": context}


def main() -> None:
    """The console script; `python -m entrepot` is called the same."""
    hurry()
    app(prog_name="entrepot")


def hurry() -> None:
    """What each of the programs does first: none looks for what is not there."""
    # Pydantic would look for plugins, of which there are none, in all packages that are installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    # What is imported stays: to look for garbage in it all the time takes a tenth of the start.
    set_threshold(100_000, 20, 20)
    # Nor at the end, when all of it goes anyway: to look took as long as to import a fifth of it.
    atexit.register(freeze)
