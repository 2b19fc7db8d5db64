"""`entrepot encryption`: the keys that encrypt what lies on disks and in buckets."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, fail
from entrepot.cli.output import Columns, done, show_json, show_list
from entrepot.cli.size import show_size

app = typer.Typer(no_args_is_help=True, help="Keys that encrypt what is stored.")

COLUMNS: Columns = {
    "key": "id",
    "state": "state",
    "rows": lambda row: str(row["rows"]),
    "objects": lambda row: str(row["objects"]),
    "size": lambda row: show_size(row["bytes"]),
}


@app.command("new-key")
def new_key(
    *,
    name: Annotated[
        str, typer.Option("--id", help="What to call it.", show_default="its fingerprint")
    ] = "",
    as_json: Json = False,
) -> None:
    """Make a key, and write it as a line of a key file. Nothing keeps it: put it where it is safe.

    Examples: `entrepot encryption new-key --id 2026-11 > keys && chmod 600 keys`
    """
    from entrepot.encryption.keys import MalformedKeyError, MasterKey

    made = MasterKey.new()
    try:
        key = MasterKey.parse(f"{name}:{made.encoded}") if name else made
    except MalformedKeyError as error:
        fail(f"--id is {name!r}: {error}")
    done(key.line, {"id": key.id, "key": key.line}, as_json=as_json)


@app.command()
def status(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Say which keys there are, how much lies under each of them, and how much is not encrypted.

    Examples: `entrepot encryption status`, `entrepot encryption status --json`
    """
    found = connect(ctx).get("/encryption")
    if as_json:
        show_json(found)
        return
    plain = {"id": "", "state": "not encrypted", **found["plain"]}
    show_list([*found["keys"], plain], COLUMNS, as_json=False)
    for work in found["jobs"]:
        if work["state"] != "waiting":
            typer.echo(f"{work['name']} is {work['state']}: {progress(work)}")


@app.command()
def rotate(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Have everything in the database sealed by the current key, while the registry serves.

    It begins by itself after a restart with another key; objects keep their own keys.

    Examples: `entrepot encryption rotate`
    """
    found = connect(ctx).post("/encryption/rotate", None)
    said = "rows are being sealed by the current key: `entrepot encryption status` says how far"
    done(said, found, as_json=as_json)


@app.command("encrypt-old")
def encrypt_old(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Have blobs encrypted that came before there was a key, while the registry serves.

    Examples: `entrepot encryption encrypt-old`
    """
    found = connect(ctx).post("/encryption/encrypt-old", None)
    said = "old blobs are being encrypted: `entrepot encryption status` says how far it is"
    done(said, found, as_json=as_json)


def progress(work: dict[str, Any]) -> str:
    """How far a job is: in rows, or in bytes."""
    if work["state"] == "failed":
        return str(work["error"])
    show = show_size if work["name"] == "encrypt-old" else str
    total = f" of {show(work['total'])}" if work["total"] is not None else ""
    return f"{show(work['done'])}{total}"
