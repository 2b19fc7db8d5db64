"""`entrepot jobs`: the work in the background, how it stands, and having it done now."""

import sys
import time
from typing import Annotated, Any

import typer

from entrepot.cli.client import Client, connect
from entrepot.cli.options import Json, fail
from entrepot.cli.output import Columns, Row, done, show_list, when

app = typer.Typer(invoke_without_command=True, help="Jobs: what is done in the background.")

_BAR = 20
_SECONDS = 1.0
_CLEAR = "\x1b[2J\x1b[H"


def _progress(row: Row) -> str | None:
    """A bar where it is known how much there is; of what ended nothing is shown."""
    if row["state"] == "waiting" and not row["asked"]:
        return None
    if row["percent"] is None:
        return str(row["done"]) if row["done"] else None
    filled = int(_BAR * row["percent"] / 100)
    return f"{'#' * filled}{'.' * (_BAR - filled)} {row['percent']:.0f} %"


def _took(row: Row) -> str | None:
    seconds = row["took"]
    if seconds is None or seconds < 60:
        return None if seconds is None else f"{seconds:.1f} s"
    return f"{seconds // 60:.0f} m {seconds % 60:.0f} s"


def _next(row: Row) -> str:
    if row["asked"]:
        return "now"
    return "when asked for" if row["every"] is None and not row["by"] else when("next_at")(row)


COLUMNS: Columns = {
    "name": "name",
    "state": "state",
    "progress": _progress,
    "last run": when("ended_at"),
    "took": _took,
    "next": _next,
    "by": "by",
    "note": "note",
    "error": "error",
}

Name = Annotated[str, typer.Argument(help="Name of the job.")]


@app.callback()
def jobs(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Work in the background. Without another word: list it.

    Examples: `entrepot jobs`, `entrepot jobs --json`
    """
    if ctx.invoked_subcommand is None:
        show_list(connect(ctx).every("/jobs"), COLUMNS, as_json=as_json)


@app.command("list")
def list_jobs(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the jobs: how each stands, when it ran last and runs next, and what went wrong.

    Example: `entrepot jobs list`
    """
    show_list(connect(ctx).every("/jobs"), COLUMNS, as_json=as_json)


@app.command()
def run(
    ctx: typer.Context,
    name: Name,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it has ended; 1 where it failed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have a job run now; takes an admin. Some process of the registry begins in a moment.

    Examples: `entrepot jobs run collect`, `entrepot jobs run measure --wait`
    """
    client = connect(ctx)
    before = client.get(f"/jobs/{name}")
    asked = client.post(f"/jobs/{name}/run", None)
    if not wait:
        done(f"job {name} runs in a moment", asked, as_json=as_json)
        return
    ended = _await(client, name, before)
    if ended["state"] == "failed":
        fail(f"job {name} failed: {ended['error']}", 1)
    done(f"job {name} has run: {ended['note'] or 'done'}", ended, as_json=as_json)


def _await(client: Client, name: str, before: Row) -> Any:
    while not has_run(before, row := client.get(f"/jobs/{name}")):
        time.sleep(_SECONDS / 4)
    return row


def has_run(before: Row, now: Row) -> bool:
    """Whether the run that was asked for is over, and not only one that was under way by then."""
    begun = not now["asked"] and now["state"] != "running"
    return begun and now["ended_at"] != before["ended_at"]


@app.command()
def watch(
    ctx: typer.Context,
    *,
    times: Annotated[
        int | None, typer.Option(min=1, help="How often to look.", show_default="until Ctrl-C")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the jobs again every second; as JSON, one array after another.

    Examples: `entrepot jobs watch`, `entrepot jobs watch --times 10 --json`
    """
    client, seen = connect(ctx), 0
    while True:
        rows = list(client.every("/jobs"))
        if sys.stdout.isatty() and not as_json:
            typer.echo(_CLEAR, nl=False)
        show_list(rows, COLUMNS, as_json=as_json)
        seen += 1
        if seen == times:
            return
        time.sleep(_SECONDS)
