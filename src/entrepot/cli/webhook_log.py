"""`entrepot webhook test | log | replay`: what webhooks were sent, and how that went."""

from itertools import islice
from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, fail
from entrepot.cli.output import Columns, done, show_json, show_list, when

Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id, as list shows it.")]

COLUMNS: Columns = {
    "delivery": "id",
    "change": "change",
    "repository": "repository",
    "state": "state",
    "attempts": "attempts",
    "put in line": when("created_at"),
    "answer": "status",
    "error": "error",
}


def probe(ctx: typer.Context, webhook: Id, *, as_json: Json = False) -> None:
    """Send a ping at once, and say what came of it; ends with 1 where it did not arrive.

    Example: `entrepot webhook test 1f0c9a2b`
    """
    found = connect(ctx).post(f"/webhooks/{webhook}/test", None)
    if as_json:
        show_json(found)
    elif found["delivered"]:
        typer.echo(f"it answered {found['status']} after {found['seconds']:.2f} s")
    else:
        typer.echo(f"{found['error']} (after {found['seconds']:.2f} s)")
    if not found["delivered"]:
        raise typer.Exit(1)


def log(
    ctx: typer.Context,
    webhook: Id,
    *,
    dead: Annotated[bool, typer.Option("--dead", help="Only what failed for good.")] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what waits.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 100,
    as_json: Json = False,
) -> None:
    """List what a webhook was sent, or is to be, the newest first.

    Examples: `entrepot webhook log 1f0c9a2b`, `entrepot webhook log 1f0c9a2b --dead --json`
    """
    if dead and waiting:
        fail("say --dead or --waiting, or neither for all")
    state = "dead" if dead else "waiting" if waiting else None
    rows = connect(ctx).every(f"/webhooks/{webhook}/deliveries", state=state)
    show_list(islice(rows, limit), COLUMNS, as_json=as_json)


def replay(
    ctx: typer.Context,
    webhook: Id,
    deliveries: Annotated[
        list[int] | None, typer.Argument(help="Numbers of deliveries, as log shows them.")
    ] = None,
    *,
    dead: Annotated[bool, typer.Option("--dead", help="All that failed for good.")] = False,
    as_json: Json = False,
) -> None:
    """Send again what was sent, or what failed for good; what waits is tried at once.

    Examples: `entrepot webhook replay 1f0c9a2b --dead`, `entrepot webhook replay 1f0c9a2b 17 18`
    """
    if bool(deliveries) == dead:
        fail("say which: numbers of deliveries, or --dead for all that failed for good")
    wanted = {"dead": True} if dead else {"deliveries": deliveries}
    found = connect(ctx).post(f"/webhooks/{webhook}/replay", wanted)
    done(f"{found['replayed']} are sent again", found, as_json=as_json)
