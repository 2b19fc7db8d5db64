"""The command `entrepot`: one file per noun. A command says what it did, or how to mend it."""

import typer

from entrepot.cli import check, serve, version

app = typer.Typer(
    name="entrepot",
    help="An image registry for Kubernetes: one process, a folder and SQLite.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("version")(version.version)


def main() -> None:
    """The console script; `python -m entrepot` is called the same."""
    app(prog_name="entrepot")
