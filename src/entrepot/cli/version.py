"""`entrepot version`."""

import json
import platform
import sqlite3

import typer

from entrepot import __version__
from entrepot.cli.options import Json


def version(*, as_json: Json = False) -> None:
    """Say which Entrepot this is.

    Example: `entrepot version --json`
    """
    found = {
        "entrepot": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    if as_json:
        typer.echo(json.dumps(found))
    else:
        typer.echo("  ".join(f"{name} {number}" for name, number in found.items()))
