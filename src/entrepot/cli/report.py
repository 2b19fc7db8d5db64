"""`entrepot report`: what tests say of a version."""

from pathlib import Path
from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, fail, read_text
from entrepot.cli.output import Columns, done, show_list, when
from entrepot.cli.promote import Version
from entrepot.cli.repository import Name

app = typer.Typer(no_args_is_help=True, help="Reports: what tests say of a version.")

COLUMNS: Columns = {
    "id": "id",
    "report": "name",
    "passed": "passed",
    "by": "by",
    "at": when("at"),
    "address": "url",
}


@app.command()
def post(
    ctx: typer.Context,
    repository: Name,
    version: Version,
    *,
    name: Annotated[str, typer.Option(help="Of the test, as the channel asks for it.")],
    passed: Annotated[bool | None, typer.Option("--passed/--failed", help="What it said.")] = None,
    url: Annotated[str, typer.Option(help="Where more can be read.")] = "",
    file: Annotated[
        Path | None, typer.Option(help="What the test wrote, up to 64 KiB of text.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say that a test of a version passed, or failed; of one name the newest report counts.

    Examples: `entrepot report post team/app 1.4.2 --name tests --passed --url https://ci/42`,
    `entrepot report post team/app 1.4.2 --name tests --failed --file results.txt`
    """
    if passed is None:
        fail("say what it said: --passed or --failed")
    body = {"repository": repository, "version": version, "name": name, "passed": passed}
    text = read_text(file) if file else ""
    made = connect(ctx).post("/reports", {**body, "url": url, "document": text})
    what = "passed" if passed else "failed"
    done(f"{name} of {repository}:{version} {what}", made, as_json=as_json)


@app.command("list")
def list_reports(
    ctx: typer.Context, repository: Name, version: Version, *, as_json: Json = False
) -> None:
    """List the reports of a version, the newest first.

    Example: `entrepot report list team/app 1.4.2 --json`
    """
    rows = connect(ctx).get("/reports", repository=repository, version=version)["items"]
    show_list(rows, COLUMNS, as_json=as_json)


@app.command()
def show(
    ctx: typer.Context,
    repository: Name,
    number: Annotated[int, typer.Argument(help="Of the report, as `report list` has it.")],
    *,
    as_json: Json = False,
) -> None:
    """Print what came with a report.

    Example: `entrepot report show team/app 17`
    """
    chunks = connect(ctx).stream(f"/reports/{number}/document", repository=repository)
    text = b"".join(chunks).decode()
    done(text, {"id": number, "document": text}, as_json=as_json)
