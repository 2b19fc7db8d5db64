"""`entrepot tag history`, `resolve` and `rollback`: what a tag was, and the way back."""

from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, Yes, confirm
from entrepot.cli.output import Columns, done, show_list, show_one, when
from entrepot.cli.repository import Name

Tag = Annotated[str, typer.Argument(help="The tag.")]

Reason = Annotated[str, typer.Option(help="Why; the history keeps it.")]

COLUMNS: Columns = {
    "move": "number",
    "when": when("at"),
    "by": "by",
    "what": "kind",
    "from": lambda row: short(row["old"]),
    "to": lambda row: short(row["new"]),
    "why": "reason",
}


def short(digest: str | None) -> str | None:
    """A digest to tell from others; --json has all of it."""
    return digest and digest[:19]


def _lies(row: Any) -> str:
    """Where the manifest is, and how it comes back."""
    if row["state"] == "trash":
        return f"in the trash: entrepot trash restore {row['trash']}"
    return {"here": "here", "gone": "gone for good"}[row["state"]]


RESOLVED: Columns = {
    "digest": "digest",
    "since": when("since"),
    "by": "by",
    "why": "reason",
    "move": "move",
    "manifest": _lies,
    "pull": "pull",
}


def history(
    ctx: typer.Context,
    repository: Name,
    tag: Tag,
    *,
    limit: Annotated[int, typer.Option(min=1, help="So many of them.")] = 50,
    as_json: Json = False,
) -> None:
    """List the moves of a tag, the newest first: when, by whom, from what to what, and why.

    Also of a tag that is deleted by now. The number of a move is what `rollback --to` takes.

    Examples: `entrepot tag history team/app prod`, `entrepot tag history team/app prod --limit 5`
    """
    rows = connect(ctx).every("/tags/history", repository=repository, tag=tag)
    show_list(islice(rows, limit), COLUMNS, as_json=as_json)


def resolve(
    ctx: typer.Context,
    repository: Name,
    tag: Tag,
    *,
    at: Annotated[
        str,
        typer.Option(help="As of then: 2026-11-01 or 2026-11-01T12:00, UTC.", show_default="now"),
    ] = "",
    as_json: Json = False,
) -> None:
    """Show what a tag points to, or pointed to as of a time, and how to pull just that.

    Examples: `entrepot tag resolve team/app prod`, `entrepot tag resolve team/app prod --at
    2026-11-01T12:00Z --json`
    """
    client = connect(ctx)
    found = client.get("/tags/resolve", repository=repository, tag=tag, at=at)
    host = client.where.url.partition("://")[2]
    show_one({**found, "pull": f"{host}/{found['pull']}"}, RESOLVED, as_json=as_json)


def rollback(
    ctx: typer.Context,
    repository: Name,
    tag: Tag,
    *,
    to: Annotated[
        int | None,
        typer.Option(
            help="Number of a move: back to what that made it.", show_default="what it was before"
        ),
    ] = None,
    reason: Reason = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Point a tag back to what it was; that is a move of its own, and can be rolled back as well.

    Where somebody moves the tag meanwhile it stays as it is, and you are told.

    Examples: `entrepot tag rollback team/app prod --reason 'errors at checkout'`, `entrepot tag
    rollback team/app prod --to 4711 --yes`
    """
    client = connect(ctx)
    where = {"repository": repository, "tag": tag}

    def ask(**how: Any) -> Any:
        return client.call("POST", "/tags/rollback", params=where, json={"reason": reason, **how})

    found = ask(to=to, dry_run=True)
    move = found["to"]
    at = datetime.fromisoformat(move["at"]).astimezone(UTC)
    back = f"{short(found['new'])}, as {move['by']} had it on {at:%Y-%m-%d %H:%M}"
    confirm(f"point {repository}:{tag} from {short(found['old']) or 'nothing'} to {back}?", yes=yes)
    made = ask(to=move["number"], expected=found["old"] or "")
    done(f"{repository}:{tag} points to {back}", made, as_json=as_json)
