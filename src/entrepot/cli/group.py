"""`entrepot group`: groups of users, so that a grant need not name each of them."""

from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, Yes, confirm
from entrepot.cli.output import Columns, done, show_list, show_one, when

app = typer.Typer(no_args_is_help=True, help="Groups of users.")

COLUMNS: Columns = {
    "name": "name",
    "description": "description",
    "members": "members",
    "made": when("created_at"),
}

Name = Annotated[str, typer.Argument(help="Name of the group.")]
User = Annotated[str, typer.Argument(help="Name of the user.")]


@app.command("list")
def list_groups(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List groups with their members.

    Example: `entrepot group list`
    """
    show_list(connect(ctx).every("/groups"), COLUMNS, as_json=as_json)


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Show a group.

    Example: `entrepot group show dev`
    """
    show_one(connect(ctx).get(f"/groups/{name}"), COLUMNS, as_json=as_json)


@app.command()
def create(
    ctx: typer.Context,
    name: Name,
    *,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    as_json: Json = False,
) -> None:
    """Make a group. One of the same name at the single sign-on's provider fills it by itself.

    Example: `entrepot group create dev --description 'All developers'`
    """
    made = connect(ctx).post("/groups", {"name": name, "description": description})
    done(f"group {name} is made", made, as_json=as_json)


@app.command()
def add(ctx: typer.Context, name: Name, user: User, *, as_json: Json = False) -> None:
    """Put a user into a group.

    Example: `entrepot group add dev alice`
    """
    connect(ctx).put(f"/groups/{name}/members/{user}")
    done(f"{user} is in {name}", {"group": name, "user": user}, as_json=as_json)


@app.command()
def remove(ctx: typer.Context, name: Name, user: User, *, as_json: Json = False) -> None:
    """Take a user out of a group.

    Example: `entrepot group remove dev alice`
    """
    connect(ctx).delete(f"/groups/{name}/members/{user}")
    done(f"{user} is not in {name} any more", {"group": name, "user": user}, as_json=as_json)


@app.command()
def delete(ctx: typer.Context, name: Name, *, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a group with its grants; its users stay.

    Example: `entrepot group delete dev --yes`
    """
    confirm(f"delete group {name} with its grants?", yes=yes)
    connect(ctx).delete(f"/groups/{name}")
    done(f"group {name} is gone", {"name": name}, as_json=as_json)
