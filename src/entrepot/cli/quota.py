"""`entrepot quota`: what projects take, and how much they may."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, fail
from entrepot.cli.output import Columns, Row, done, show_list, show_one
from entrepot.cli.size import parse_size, show_size

app = typer.Typer(no_args_is_help=True, help="Quotas: what projects take, and may take.")


def _percent(row: Row, what: str) -> str | None:
    found = row[f"{what}_percent"]
    return None if found is None else f"{found:.0f} %"


COLUMNS: Columns = {
    "project": "project",
    "bytes": lambda row: show_size(row["bytes"]),
    "of": lambda row: show_size(row["bytes_quota"]),
    "full": lambda row: _percent(row, "bytes"),
    "tags": "tags",
    "of tags": "tags_quota",
    "full of tags": lambda row: _percent(row, "tags"),
}

Project = Annotated[str, typer.Argument(help="Name of the project.")]


@app.command("list")
def list_quotas(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List what the projects take that one may see. What lies in the trash counts.

    Example: `entrepot quota list`
    """
    show_list(connect(ctx).every("/quotas"), COLUMNS, as_json=as_json)


@app.command()
def show(ctx: typer.Context, project: Project, *, as_json: Json = False) -> None:
    """Show what a project takes, and may take.

    Example: `entrepot quota show team`
    """
    show_one(connect(ctx).get(f"/quotas/{project}"), COLUMNS, as_json=as_json)


@app.command("set")
def set_quota(
    ctx: typer.Context,
    project: Project,
    *,
    size: Annotated[
        str | None, typer.Option("--bytes", help="Such as 10GiB; 'any' for no limit.")
    ] = None,
    tags: Annotated[str | None, typer.Option(help="How many tags; 'any' for no limit.")] = None,
    as_json: Json = False,
) -> None:
    """Set what a project may take; takes an admin. What is there already stays.

    Examples: `entrepot quota set team --bytes 10GiB --tags 100`,
    `entrepot quota set team --bytes any`
    """
    given: dict[str, Any] = {}
    if size is not None:
        given["bytes"] = None if size == "any" else parse_size(size, "--bytes")
    if tags is not None:
        given["tags"] = None if tags == "any" else _number(tags)
    if not given:
        fail("say --bytes or --tags")
    found = connect(ctx).put(f"/quotas/{project}", given)
    limits = [
        show_size(found["bytes_quota"]) or "any number of bytes",
        "any number of tags" if found["tags_quota"] is None else f"{found['tags_quota']} tags",
    ]
    done(f"project {project} may have {' and '.join(limits)}", found, as_json=as_json)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        fail(f"--tags is {text!r}: write a number, or any")
    return int(text)
