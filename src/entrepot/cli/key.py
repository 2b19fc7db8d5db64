"""`entrepot key`: the keys that sign registry tokens."""

from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json
from entrepot.cli.output import Columns, done, show_list, when

app = typer.Typer(no_args_is_help=True, help="Keys that sign registry tokens.")

COLUMNS: Columns = {"id": "id", "made": when("created_at"), "retired": when("retired_at")}


@app.command("list")
def list_keys(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the keys, the one that signs first.

    Example: `entrepot key list`
    """
    show_list(connect(ctx).every("/keys"), COLUMNS, as_json=as_json)


@app.command()
def rotate(
    ctx: typer.Context,
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Drop older keys: all registry tokens end at once.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sign with a new key; older ones verify until what they signed has ended.

    Examples: `entrepot key rotate`, `entrepot key rotate --now` after a key was stolen
    """
    made = connect(ctx).call("POST", "/keys/rotate", params={"now": now})
    done(f"key {made['id']} signs from now on", made, as_json=as_json)
