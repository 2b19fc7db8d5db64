"""`entrepot token`: personal tokens, for machines that act as oneself."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.expiry import Expires, Overlap, parse_allowance, parse_expiry, parse_overlap
from entrepot.cli.options import Json
from entrepot.cli.output import Columns, Row, done, reveal, show_list, when

app = typer.Typer(no_args_is_help=True, help="Personal tokens, and sessions of the command line.")


def _limits(row: Row) -> list[str] | None:
    if row["limits"] is None:
        return None
    return [f"{each['role']} on {each['pattern']}" for each in row["limits"]]


COLUMNS: Columns = {
    "id": "id",
    "name": "name",
    "kind": "kind",
    "limited to": _limits,
    "made": when("created_at"),
    "ends": when("expires_at"),
    "used": when("used_at"),
}

Number = Annotated[int, typer.Argument(help="Id of the token, as the list shows it.")]


@app.command("list")
def list_tokens(
    ctx: typer.Context,
    *,
    user: Annotated[str, typer.Option(help="Of this user; one's own without it.")] = "",
    as_json: Json = False,
) -> None:
    """List tokens, one's own or, as admin or auditor, a user's.

    Examples: `entrepot token list`, `entrepot token list --user alice --json`
    """
    show_list(connect(ctx).every("/tokens", user=user), COLUMNS, as_json=as_json)


@app.command()
def create(
    ctx: typer.Context,
    *,
    name: Annotated[str, typer.Option(help="Where it will be used.")],
    expires: Expires = "90d",
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", help="ROLE:PATTERN, all that it may; may come several times."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a token for oneself, and show it, this once.

    Examples: `entrepot token create --name laptop --expires 30d --json`,
    `entrepot token create --name backup --limit 'reader:team/*'`
    """
    wanted = {
        "name": name,
        "expires": parse_expiry(expires),
        "limits": [parse_allowance(each, "--limit") for each in limit] if limit else None,
    }
    client = connect(ctx)
    made = client.post("/tokens", wanted)
    where = client.where.url
    reveal(f"token {name} is made", made, user=made["user"], url=where, as_json=as_json)


@app.command()
def rotate(
    ctx: typer.Context,
    number: Number,
    *,
    overlap: Overlap = "24h",
    expires: Expires = "",
    as_json: Json = False,
) -> None:
    """Make a new token in the place of an old one, which stays good for the overlap.

    Example: `entrepot token rotate 7 --overlap 1h`
    """
    wanted: dict[str, Any] = {"overlap": parse_overlap(overlap)}
    if expires:
        wanted["expires"] = parse_expiry(expires)
    client = connect(ctx)
    made = client.post(f"/tokens/{number}/rotate", wanted)
    said, where = f"token {made['name']} is made anew", client.where.url
    reveal(said, made, user=made["user"], url=where, as_json=as_json)


@app.command()
def revoke(ctx: typer.Context, number: Number, *, as_json: Json = False) -> None:
    """End a token at once, with what was made by it.

    Example: `entrepot token revoke 7`
    """
    connect(ctx).delete(f"/tokens/{number}")
    done(f"token {number} is gone", {"id": number}, as_json=as_json)
