"""`entrepot project`: the first part of repositories' names; who may see it, and on which terms."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.duration import parse_duration
from entrepot.cli.options import Json, Yes, confirm, fail
from entrepot.cli.output import Columns, done, show_list, show_one, when

app = typer.Typer(no_args_is_help=True, help="Projects: visibility and policies.")

COLUMNS: Columns = {
    "name": "name",
    "public": "public",
    "description": "description",
    "read-only": "read_only",
    "networks": "networks",
    "certificate": "require_certificate",
    "longest token": lambda row: _seconds(row["longest_token"]),
    "immutable": "immutable",
    "made": when("created_at"),
}


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.0f} s"


Name = Annotated[str, typer.Argument(help="Name of the project.")]
Public = Annotated[bool | None, typer.Option("--public/--private", help="Whether anyone may pull.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]
ReadOnly = Annotated[
    bool | None, typer.Option("--read-only/--writable", help="Refuse pushes and deletions.")
]
Network = Annotated[
    list[str] | None,
    typer.Option("--network", help="Only from here, such as 10.0.0.0/8; 'any' for everywhere."),
]
Certificate = Annotated[
    bool | None,
    typer.Option("--require-certificate/--no-certificate", help="Only with a client certificate."),
]
Longest = Annotated[
    str | None,
    typer.Option(
        "--longest-token", help="Longest life of a token, such as 90d; 'any' for no limit."
    ),
]
Immutable = Annotated[
    list[str] | None,
    typer.Option(help="Tags that nobody moves or deletes, as v*; in place of those so far."),
]
NoImmutable = Annotated[
    bool, typer.Option("--no-immutable", help="All tags may be moved and deleted again.")
]
Quota = Annotated[
    int | None,
    typer.Option(
        help="Bytes that it may hold; 0 for no limit; takes an admin. `entrepot quota` has more."
    ),
]


def _policies(
    *,
    public: bool | None,
    description: str | None,
    read_only: bool | None,
    network: list[str] | None,
    certificate: bool | None,
    longest: str | None,
    immutable: list[str] | None,
    quota: int | None,
    no_immutable: bool = False,
) -> dict[str, Any]:
    """What was given, as the API wants it."""
    if immutable and no_immutable:
        fail("give --immutable or --no-immutable, not both")
    given: dict[str, Any] = {
        "public": public,
        "description": description,
        "read_only": read_only,
        "networks": [] if network == ["any"] else network or None,
        "require_certificate": certificate,
        "immutable": [] if no_immutable else immutable or None,
    }
    found = {name: value for name, value in given.items() if value is not None}
    if longest is not None:
        seconds = None if longest == "any" else parse_duration(longest, "--longest-token")
        found["longest_token"] = seconds
    if quota is not None:
        found["quota"] = quota or None
    return found


@app.command("list")
def list_projects(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the projects that one may see.

    Example: `entrepot project list`
    """
    show_list(connect(ctx).every("/projects"), COLUMNS, as_json=as_json)


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Show a project's settings.

    Example: `entrepot project show team`
    """
    show_one(connect(ctx).get(f"/projects/{name}"), COLUMNS, as_json=as_json)


@app.command()
def create(
    ctx: typer.Context,
    name: Name,
    *,
    public: Public = None,
    description: Description = None,
    read_only: ReadOnly = None,
    network: Network = None,
    certificate: Certificate = None,
    longest: Longest = None,
    immutable: Immutable = None,
    quota: Quota = None,
    as_json: Json = False,
) -> None:
    """Make a project, private unless said otherwise; whoever makes it is its owner.

    Examples: `entrepot project create team --private`,
    `entrepot project create base --public --description 'Base images' --immutable 'v*'`
    """
    given = _policies(
        public=public,
        description=description,
        read_only=read_only,
        network=network,
        certificate=certificate,
        longest=longest,
        immutable=immutable,
        quota=quota,
    )
    made = connect(ctx).post("/projects", {"name": name, **given})
    kind = "public" if made["public"] else "private"
    done(f"project {name} is made, {kind}", made, as_json=as_json)


@app.command()
def update(
    ctx: typer.Context,
    name: Name,
    *,
    public: Public = None,
    description: Description = None,
    read_only: ReadOnly = None,
    network: Network = None,
    certificate: Certificate = None,
    longest: Longest = None,
    immutable: Immutable = None,
    no_immutable: NoImmutable = False,
    quota: Quota = None,
    as_json: Json = False,
) -> None:
    """Change a project; what is not given stays as it is.

    Examples: `entrepot project update team --read-only`,
    `entrepot project update team --network 10.0.0.0/8 --longest-token 90d`,
    `entrepot project update team --immutable 'v*' --immutable '[0-9]*'`
    """
    given = _policies(
        public=public,
        description=description,
        read_only=read_only,
        network=network,
        certificate=certificate,
        longest=longest,
        immutable=immutable,
        no_immutable=no_immutable,
        quota=quota,
    )
    changed = connect(ctx).patch(f"/projects/{name}", given)
    done(f"project {name} is changed", changed, as_json=as_json)


@app.command()
def repositories(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """List the repositories of a project that hold images and that one may pull from.

    Example: `entrepot project repositories team`
    """
    names = connect(ctx).every(f"/projects/{name}/repositories")
    rows = [{"name": each} for each in names]
    show_list(rows, {"name": "name"}, as_json=as_json)


@app.command()
def delete(ctx: typer.Context, name: Name, *, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a project that has no images, with the grants on it.

    Example: `entrepot project delete team --yes`
    """
    confirm(f"delete project {name} with the grants on it?", yes=yes)
    connect(ctx).delete(f"/projects/{name}")
    done(f"project {name} is gone", {"name": name}, as_json=as_json)
