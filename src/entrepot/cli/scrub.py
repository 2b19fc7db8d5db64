"""`entrepot scrub`: all that is stored is read again, and compared with its digest."""

import time
from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json
from entrepot.cli.output import Columns, done, show_list, show_one, when
from entrepot.cli.size import show_size

app = typer.Typer(no_args_is_help=True, help="Reading again what is stored, to find damage.")

_POLL = 0.5
"""Seconds between two looks whether it is over."""

STATUS: Columns = {
    "state": "state",
    "read": lambda row: show_size(row["bytes"]),
    "of": lambda row: show_size(row["total"]),
    "last pass": "note",
    "began": when("began_at"),
    "ended": when("ended_at"),
    "next": when("next_at"),
    "error": "error",
    "damaged now": "damaged",
}
QUARANTINE: Columns = {
    "kind": "kind",
    "digest": "digest",
    "size": lambda row: show_size(row["size"]),
    "why": "why",
    "repositories": "repositories",
    "objects": "objects",
    "found": when("found_at"),
    "until": when("until"),
    "healed": "healed",
}


@app.command()
def status(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Say how far it is, and how much is damaged; ends with 1 where something is.

    Examples: `entrepot scrub status`, `entrepot scrub status --json`
    """
    found = connect(ctx).get("/scrub")
    show_one(found, STATUS, as_json=as_json)
    raise typer.Exit(1 if found["damaged"] else 0)


@app.command()
def run(
    ctx: typer.Context,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it is over; ends with 1 if anything is damaged.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have the server read all that is stored, now and not only when its time has come.

    Examples: `entrepot scrub run`, `entrepot scrub run --wait`
    """
    client = connect(ctx)
    found = client.call("POST", "/scrub")
    if not wait:
        done("it begins within seconds: see entrepot scrub status", found, as_json=as_json)
        return
    while found["asked"] or found["state"] == "running":
        time.sleep(_POLL)
        found = client.get("/scrub")
    show_one(found, STATUS, as_json=as_json)
    raise typer.Exit(1 if found["damaged"] or found["error"] else 0)


@app.command("list")
def list_quarantine(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List what did not match its digest: who has it, and where its bytes lie aside.

    Example: `entrepot scrub list`
    """
    show_list(connect(ctx).every("/scrub/quarantine"), QUARANTINE, as_json=as_json)
