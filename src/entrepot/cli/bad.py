"""`entrepot bad`: versions that are promoted nowhere."""

from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json
from entrepot.cli.output import Columns, done, show_list, when
from entrepot.cli.promote import Reason, Version
from entrepot.cli.repository import Name

app = typer.Typer(
    no_args_is_help=True,
    help="Bad versions: those that are promoted nowhere, until a maintainer frees them.",
)

COLUMNS: Columns = {
    "version": "version",
    "digest": "digest",
    "by": "by",
    "at": when("at"),
    "why": "reason",
}


@app.command("list")
def list_bad(ctx: typer.Context, repository: Name, *, as_json: Json = False) -> None:
    """List the bad versions of a repository, the newest first.

    Example: `entrepot bad list team/app --json`
    """
    rows = connect(ctx).get("/bad-versions", repository=repository)["items"]
    show_list(rows, COLUMNS, as_json=as_json)


@app.command()
def mark(
    ctx: typer.Context,
    repository: Name,
    version: Version,
    *,
    reason: Reason = "",
    as_json: Json = False,
) -> None:
    """Mark a version as bad. Where it is in a channel it stays there: roll that back.

    Example: `entrepot bad mark team/app 1.4.2 --reason 'leaks memory'`
    """
    body = {"repository": repository, "version": version, "reason": reason}
    made = connect(ctx).post("/bad-versions", body)
    done(f"{repository}:{version} is marked as bad", made, as_json=as_json)


@app.command()
def free(
    ctx: typer.Context,
    repository: Name,
    version: Version,
    *,
    reason: Annotated[str, typer.Option(help="Why it is good again.")] = "",
    as_json: Json = False,
) -> None:
    """Free a version: it may be promoted again, and gone back to.

    Example: `entrepot bad free team/app 1.4.2 --reason 'it was the disk'`
    """
    where = {"repository": repository, "version": version}
    connect(ctx).call("DELETE", "/bad-versions", params={**where, "reason": reason})
    done(f"{repository}:{version} may be promoted again", where, as_json=as_json)
