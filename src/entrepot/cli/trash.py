"""`entrepot trash`: what was deleted, and how it comes back."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, Yes, confirm
from entrepot.cli.output import Columns, Row, done, show_json, show_list, when
from entrepot.cli.running import EvenIfRunning
from entrepot.cli.size import show_size

app = typer.Typer(no_args_is_help=True, help="What was deleted, until its time is up.")


def name(row: Row) -> str:
    """As it was written when it was there: team/app:1.0."""
    sign = {"tag": ":", "manifest": "@", "repository": ""}[row["kind"]]
    return f"{row['repository']}{sign}{row['reference']}"


def _tags(row: Row) -> str:
    more = row["tag_count"] - len(row["tags"])
    return ", ".join(row["tags"]) + (f" and {more} more" if more else "")


COLUMNS: Columns = {
    "id": "id",
    "what": name,
    "tags": _tags,
    "size": lambda row: show_size(row["size"]),
    "deleted": when("deleted_at"),
    "by": "deleted_by",
    "why": "why",
    "until": when("until"),
}


@app.command("list")
def list_trash(
    ctx: typer.Context,
    *,
    repo: Annotated[str, typer.Option(help="Only of this repository.")] = "",
    as_json: Json = False,
) -> None:
    """List what was deleted from where one may delete, the newest first.

    Examples: `entrepot trash list`, `entrepot trash list --repo team/app --json`
    """
    show_list(connect(ctx).every("/trash", repository=repo), COLUMNS, as_json=as_json)


@app.command()
def restore(
    ctx: typer.Context,
    numbers: Annotated[list[int], typer.Argument(help="Ids, as the list shows them.")],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Move tags back that point elsewhere by now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring back what was deleted, with the tags, platforms and signatures that it needs.

    Examples: `entrepot trash restore 17`, `entrepot trash restore 17 18 --force`
    """
    client = connect(ctx)
    restored = []
    for number in numbers:
        found = client.post(f"/trash/{number}/restore", {"move": force})
        restored.append({"id": number, **found})
        if not as_json:
            _say(number, found)
    if as_json:
        show_json(restored)


def _say(number: int, found: dict[str, Any]) -> None:
    typer.echo(
        f"{number} is back in {found['repository']}: {found['manifests']} manifests, "
        f"{found['tags']} tags"
    )
    for each in found["kept"]:
        typer.echo(
            f"  {each['tag']} points to {each['here']} by now and was left so: --force moves it "
            f"back to {each['trashed']}"
        )
    for tag in found["lost"]:
        typer.echo(f"  {tag} is not back: its manifest was purged")


@app.command()
def purge(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(help="Id, as the list shows it.")],
    *,
    yes: Yes = False,
    even_if_running: EvenIfRunning = False,
    as_json: Json = False,
) -> None:
    """Delete something for good, before its time; takes an owner of the project.

    What a connected cluster has is purged with --even-if-running alone.

    Example: `entrepot trash purge 17 --yes`
    """
    client = connect(ctx)
    row = client.get(f"/trash/{number}")
    confirm(f"delete {name(row)} for good? Nobody can bring it back then.", yes=yes)
    how = {"even_if_running": even_if_running}
    client.call("DELETE", f"/trash/{number}", params=how)
    done(f"{name(row)} is gone for good", {"id": number}, as_json=as_json)
