"""`entrepot robot`: accounts of CI systems and clusters, and their secrets."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.expiry import Expires, Overlap, parse_allowance, parse_expiry, parse_overlap
from entrepot.cli.options import Json, Yes, confirm
from entrepot.cli.output import Columns, Row, done, reveal, show_list, show_one, when

app = typer.Typer(no_args_is_help=True, help="Robots: accounts of CI systems and clusters.")


def _rights(row: Row) -> list[str]:
    return [f"{each['role']} on {each['pattern']}" for each in row["grants"]]


def _secrets(row: Row) -> list[str]:
    end = when("expires_at")
    return [
        f"{each['id']} (until {end(each)})" if each["expires_at"] else str(each["id"])
        for each in row["secrets"]
    ]


COLUMNS: Columns = {
    "name": "name",
    "description": "description",
    "grants": _rights,
    "disabled": "disabled",
    "secrets": _secrets,
    "made": when("created_at"),
    "seen": when("seen_at"),
}

Name = Annotated[str, typer.Argument(help="Name of the robot.")]
Grant = Annotated[
    list[str] | None,
    typer.Option("--grant", help="ROLE:PATTERN, such as 'writer:team/*'; may come several times."),
]
Description = Annotated[str, typer.Option(help="What it is for.")]


@app.command("list")
def list_robots(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the robots that one may manage.

    Example: `entrepot robot list`
    """
    show_list(connect(ctx).every("/robots"), COLUMNS, as_json=as_json)


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Show a robot with its grants, and when its secrets end.

    Example: `entrepot robot show ci`
    """
    show_one(connect(ctx).get(f"/robots/{name}"), COLUMNS, as_json=as_json)


@app.command()
def create(
    ctx: typer.Context,
    name: Name,
    *,
    grant: Grant = None,
    description: Description = "",
    expires: Expires = "never",
    as_json: Json = False,
) -> None:
    """Make a robot, and show its secret, this once.

    Examples: `entrepot robot create ci --grant 'writer:team/*' --json`,
    `entrepot robot create prod --grant 'reader:team/*' --grant reader:base/debian --expires 90d`
    """
    wanted = {
        "name": name,
        "description": description,
        "grants": [parse_allowance(each, "--grant") for each in grant or ()],
        "expires": parse_expiry(expires),
    }
    client = connect(ctx)
    made = client.post("/robots", wanted)
    said, where = f"robot {name} is made", client.where.url
    reveal(said, made, user=made["username"], url=where, as_json=as_json)


@app.command()
def rotate(
    ctx: typer.Context,
    name: Name,
    *,
    overlap: Overlap = "24h",
    expires: Expires = "",
    as_json: Json = False,
) -> None:
    """Make a new secret, shown this once; the older ones stay good for the overlap.

    Examples: `entrepot robot rotate ci --overlap 24h`, `entrepot robot rotate ci --overlap 0s`
    """
    wanted: dict[str, Any] = {"overlap": parse_overlap(overlap)}
    if expires:
        wanted["expires"] = parse_expiry(expires)
    client = connect(ctx)
    made = client.post(f"/robots/{name}/rotate", wanted)
    said, where = f"robot {name} has a new secret", client.where.url
    reveal(said, made, user=made["username"], url=where, as_json=as_json)


@app.command()
def update(
    ctx: typer.Context, name: Name, *, description: Description, as_json: Json = False
) -> None:
    """Say what a robot is for.

    Example: `entrepot robot update ci --description 'Builds of team'`
    """
    _change(ctx, name, {"description": description}, as_json)


@app.command()
def disable(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Let a robot in no more; its grants and secrets are kept.

    Example: `entrepot robot disable ci`
    """
    _change(ctx, name, {"disabled": True}, as_json)


@app.command()
def enable(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Let a disabled robot in again.

    Example: `entrepot robot enable ci`
    """
    _change(ctx, name, {"disabled": False}, as_json)


def _change(ctx: typer.Context, name: str, wanted: dict[str, Any], as_json: bool) -> None:
    changed = connect(ctx).patch(f"/robots/{name}", wanted)
    done(f"robot {name} is changed", changed, as_json=as_json)


@app.command()
def revoke(
    ctx: typer.Context,
    name: Name,
    number: Annotated[int, typer.Argument(help="Id of the secret, as `show` has it.")],
    *,
    as_json: Json = False,
) -> None:
    """End one of a robot's secrets at once.

    Example: `entrepot robot revoke ci 7`
    """
    connect(ctx).delete(f"/robots/{name}/secrets/{number}")
    done(f"secret {number} of {name} is gone", {"name": name, "id": number}, as_json=as_json)


@app.command()
def delete(ctx: typer.Context, name: Name, *, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a robot with its secrets and grants; `disable` would keep them.

    Example: `entrepot robot delete ci --yes`
    """
    confirm(f"delete robot {name} with all secrets and grants?", yes=yes)
    connect(ctx).delete(f"/robots/{name}")
    done(f"robot {name} is gone", {"name": name}, as_json=as_json)
