"""`entrepot user`: people."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, Yes, confirm
from entrepot.cli.output import Columns, done, show_list, show_one, when
from entrepot.cli.password import FromStdin, read_password

app = typer.Typer(no_args_is_help=True, help="Users: people who log in.")

COLUMNS: Columns = {
    "name": "name",
    "description": "description",
    "email": "email",
    "groups": "groups",
    "disabled": "disabled",
    "password": "password",
    "made": when("created_at"),
    "seen": when("seen_at"),
}

WHOLE: Columns = {**COLUMNS, "identity": "identity"}

Name = Annotated[str, typer.Argument(help="Name of the user.")]
Description = Annotated[str | None, typer.Option(help="Who they are.")]
Email = Annotated[str | None, typer.Option(help="Where to write to.")]


@app.command("list")
def list_users(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List users.

    Example: `entrepot user list --json`
    """
    show_list(connect(ctx).every("/users"), COLUMNS, as_json=as_json)


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Show a user.

    Example: `entrepot user show alice`
    """
    show_one(connect(ctx).get(f"/users/{name}"), WHOLE, as_json=as_json)


@app.command()
def create(
    ctx: typer.Context,
    name: Name,
    *,
    password_stdin: FromStdin = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="For single sign-on, or a password set later.")
    ] = False,
    description: Description = None,
    email: Email = None,
    as_json: Json = False,
) -> None:
    """Make a user; without --password-stdin the password is asked for.

    Examples: `entrepot user create alice --password-stdin < password.txt`,
    `entrepot user create bob --no-password --email bob@example.com`
    """
    password = None if no_password else read_password(password_stdin, new=True)
    wanted = {
        "name": name,
        "password": password,
        "description": description or "",
        "email": email,
    }
    made = connect(ctx).post("/users", wanted)
    done(f"user {name} is made; grant them something by entrepot grant add", made, as_json=as_json)


@app.command()
def update(
    ctx: typer.Context,
    name: Name,
    *,
    description: Description = None,
    email: Email = None,
    as_json: Json = False,
) -> None:
    """Describe a user.

    Example: `entrepot user update alice --description 'Alice, platform team'`
    """
    given = {"description": description, "email": email}
    _change(ctx, name, {key: value for key, value in given.items() if value is not None}, as_json)


@app.command()
def disable(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Let a user in no more, whatever they come with; name, tokens and grants are kept.

    Example: `entrepot user disable alice`
    """
    _change(ctx, name, {"disabled": True}, as_json)


@app.command()
def enable(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Let a disabled user in again.

    Example: `entrepot user enable alice`
    """
    _change(ctx, name, {"disabled": False}, as_json)


@app.command()
def link(
    ctx: typer.Context,
    name: Name,
    *,
    identity: Annotated[str, typer.Option(help="ISSUER|SUBJECT, as a refused sign-on shows it.")],
    as_json: Json = False,
) -> None:
    """Say who comes in as this user by single sign-on.

    Example: `entrepot user link alice --identity 'https://login.example.com|1f0c'`
    """
    _change(ctx, name, {"identity": identity}, as_json)


@app.command()
def unlink(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Let nobody in as this user by single sign-on; tokens and the password are kept.

    Example: `entrepot user unlink alice`
    """
    _change(ctx, name, {"identity": None}, as_json)


def _change(ctx: typer.Context, name: str, wanted: dict[str, Any], as_json: bool) -> None:
    changed = connect(ctx).patch(f"/users/{name}", wanted)
    done(f"user {name} is changed", changed, as_json=as_json)


@app.command()
def password(
    ctx: typer.Context, name: Name, *, password_stdin: FromStdin = False, as_json: Json = False
) -> None:
    """Set a password: one's own (the current one is asked for, too), or as an admin anybody's.

    With --password-stdin, one's own current password comes on a line before the new one.

    Examples: `entrepot user password alice`,
    `entrepot user password bob --password-stdin < new.txt`
    """
    client = connect(ctx)
    own = client.get("/session")["subject"] == f"user:{name}"
    current = None
    if password_stdin:
        lines = read_password(stdin=True).split("\n")
        current, new = (lines[0], lines[-1]) if own else (None, lines[-1])
    else:
        if own:
            current = read_password(stdin=False, prompt="Current password")
        new = read_password(stdin=False, prompt="New password", new=True)
    client.put(f"/users/{name}/password", {"password": new, "current": current})
    done(f"user {name} has a new password", {"name": name}, as_json=as_json)


@app.command()
def delete(ctx: typer.Context, name: Name, *, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a user with their tokens and grants; `disable` would keep them.

    Example: `entrepot user delete alice --yes`
    """
    confirm(f"delete user {name} with all tokens and grants?", yes=yes)
    connect(ctx).delete(f"/users/{name}")
    done(f"user {name} is gone", {"name": name}, as_json=as_json)
