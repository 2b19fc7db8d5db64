"""`entrepot changes`: what happened to repositories, as it happens."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from entrepot.cli.client import Client, connect
from entrepot.cli.options import Json
from entrepot.cli.output import Columns, show_list, when

COLUMNS: Columns = {
    "id": "id",
    "at": when("at"),
    "kind": "kind",
    "repository": "repository",
    "reference": "reference",
    "digest": lambda row: row["new"] or row["old"],
    "by": "actor",
}

_PAGE = 500
_WAIT = 30


def changes(
    ctx: typer.Context,
    pattern: Annotated[
        str, typer.Argument(help="Repositories: team/*, team/app-*, team/app or *.")
    ] = "*",
    *,
    after: Annotated[
        int | None,
        typer.Option(
            help="Only those behind this one.", show_default="all; those to come with --follow"
        ),
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only such, as tagged; repeat it.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on, and print changes as they come.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what happened to repositories that you may pull from, the oldest first.

    With --follow each change is printed as it comes, with --json a document a line.

    Examples: `entrepot changes team/app`, `entrepot changes 'team/*' --kind tagged --follow
    --json`, `entrepot changes --after 1234`
    """
    client, asked = connect(ctx), {"repository": None if pattern == "*" else pattern, "kind": kind}
    if not follow:
        show_list(_every(client, asked, after or 0), COLUMNS, as_json=as_json)
        return
    for row in _coming(client, asked, after):
        typer.echo(json.dumps(row, ensure_ascii=False) if as_json else _line(row))


def _every(client: Client, asked: dict[str, Any], after: int) -> Iterator[Any]:
    """Those that there are."""
    end = int(client.get("/changes")["next"])
    while after < end:
        page = client.get("/changes", after=after, limit=_PAGE, **asked)
        yield from page["items"]
        after = int(page["next"])


def _coming(client: Client, asked: dict[str, Any], after: int | None) -> Iterator[Any]:
    """Those that come, until somebody stops it."""
    while True:
        page = client.get("/changes", after=after, limit=_PAGE, wait=_WAIT, **asked)
        yield from page["items"]
        after = int(page["next"])


def _line(row: dict[str, Any]) -> str:
    digest = (row["new"] or row["old"] or "-")[:19]
    where = " ".join(filter(None, (row["repository"], row["reference"])))
    return f"{row['id']}  {row['at'][:19]}Z  {row['kind']}  {where}  {digest}  {row['actor']}"
