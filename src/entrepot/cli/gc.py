"""`entrepot gc`: what is garbage and why; and have it collected now."""

from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.duration import parse_duration
from entrepot.cli.options import Json
from entrepot.cli.output import Columns, done, show_json, show_list
from entrepot.cli.size import show_size

COLUMNS: Columns = {
    "kind": "kind",
    "repository": "repository",
    "what": "name",
    "frees": lambda row: show_size(row["frees"]),
    "why": "why",
}


def gc(
    ctx: typer.Context,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go, how much, and why.")
    ] = False,
    grace: Annotated[
        str | None,
        typer.Option(
            help="Take blobs that were idle for so long, such as 10m, and not only after "
            "ENTREPOT_COLLECT_GRACE. A push that takes longer may have to be repeated.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Have the server collect garbage now; it does so by itself once a minute, and never stops
    anybody for it.

    Examples: `entrepot gc --dry-run`, `entrepot gc --dry-run --json`, `entrepot gc`,
    `entrepot gc --grace 10m`
    """
    client = connect(ctx)
    given = {} if grace is None else {"grace": parse_duration(grace, "--grace")}
    if not dry_run:
        found = client.call("POST", "/gc", params=given)
        done(
            f"{show_size(found['bytes'])} free: {found['blobs']} blobs went for good, "
            f"{found['objects']} objects were deleted, {found['purged']} things purged from the "
            f"trash; {found['manifests']} manifests went there",
            found,
            as_json=as_json,
        )
        return
    found = client.get("/gc", **given)
    if as_json:
        show_json(found)
        return
    if found["items"]:
        show_list(found["items"], COLUMNS, as_json=False)
    more = "" if found["complete"] else " at least"
    typer.echo(f"{found['count']} things would go{more}; {show_size(found['frees'])} free then")
