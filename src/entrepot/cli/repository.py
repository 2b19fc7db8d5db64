"""`entrepot repository`: what there is, and deleting it whole."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, Yes, confirm
from entrepot.cli.output import Columns, done, show_list, show_one, when
from entrepot.cli.running import EvenIfRunning, ask_first
from entrepot.cli.size import show_size

app = typer.Typer(no_args_is_help=True, help="Repositories: what is in them; deleting them.")

COLUMNS: Columns = {
    "name": "name",
    "tags": "tags",
    "manifests": "manifests",
    "size": lambda row: show_size(row["size"]),
    "made": when("created_at"),
}

Name = Annotated[str, typer.Argument(help="Name of the repository, such as team/app.")]


@app.command("list")
def list_repositories(
    ctx: typer.Context,
    *,
    project: Annotated[str, typer.Option(help="Only of this project.")] = "",
    as_json: Json = False,
) -> None:
    """List the repositories that hold images and that one may see.

    Examples: `entrepot repository list`, `entrepot repository list --project team --json`
    """
    client = connect(ctx)
    if project:
        rows = [{"name": each} for each in client.every(f"/projects/{project}/repositories")]
    else:
        rows = list(client.every("/repositories"))
    show_list(rows, {"name": "name"}, as_json=as_json)


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Show how much is in a repository.

    Example: `entrepot repository show team/app`
    """
    show_one(connect(ctx).get(f"/repositories/{name}"), COLUMNS, as_json=as_json)


@app.command()
def delete(
    ctx: typer.Context,
    name: Name,
    *,
    yes: Yes = False,
    even_if_running: EvenIfRunning = False,
    as_json: Json = False,
) -> None:
    """Delete a repository with all its images, into the trash.

    Where a connected cluster has one of them, it is told where, and asked once more.

    Example: `entrepot repository delete team/app --yes`
    """
    client = connect(ctx)
    found = client.get(f"/repositories/{name}")
    what = f"{name} with {found['tags']} tags and {found['manifests']} manifests"
    confirm(f"delete {what}?", yes=yes)
    known = ask_first(client, name, said=even_if_running)
    how = {"confirm": name, "even_if_running": known}
    gone = client.call("DELETE", f"/repositories/{name}", params=how)
    done(f"{what} is deleted{way_back(gone)}", gone, as_json=as_json)


def way_back(gone: dict[str, Any]) -> str:
    """How something that was deleted just now comes back."""
    if gone["until"] is None:
        return " for good"
    until = datetime.fromisoformat(gone["until"]).astimezone(UTC)
    return f"; until {until:%Y-%m-%d %H:%M} `entrepot trash restore {gone['trash']}` brings it back"
