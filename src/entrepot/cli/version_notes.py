"""`entrepot version describe | plan | scheme`: what people say of versions and of tags."""

from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json
from entrepot.cli.output import Columns, done, show_one
from entrepot.cli.repository import Name

Tag = Annotated[str, typer.Argument(help="The version's tag.")]


def describe(
    ctx: typer.Context,
    repository: Name,
    tag: Tag,
    text: Annotated[str, typer.Argument(help='What it brings; "" takes that away.')],
    *,
    as_json: Json = False,
) -> None:
    """Write what a version brings, in place of what its image says.

    Example: `entrepot version describe team/app 1.4.2 "Exports as CSV"`
    """
    _write(ctx, (repository, tag), {"description": text}, as_json=as_json)


def plan(
    ctx: typer.Context,
    repository: Name,
    tag: Tag,
    text: Annotated[str, typer.Argument(help='What is planned; "" takes that away.')],
    *,
    as_json: Json = False,
) -> None:
    """Write what is planned for a version; who wrote it, and when, is kept.

    Example: `entrepot version plan team/app 1.4.2 "deploy on Friday"`
    """
    _write(ctx, (repository, tag), {"plan": text}, as_json=as_json)


def _write(
    ctx: typer.Context, what: tuple[str, str], note: dict[str, str], *, as_json: bool
) -> None:
    repository, tag = what
    where = {"repository": repository, "tag": tag}
    written = connect(ctx).call("PUT", "/versions/notes", params=where, json=note)
    ((kind, text),) = note.items()
    what_now = f"this {kind} now: {text}" if text else f"no {kind} now"
    done(f"{repository}:{tag} has {what_now}", written, as_json=as_json)


COLUMNS: Columns = {
    "scheme": "scheme",
    "guessed": "guessed",
    "reads": lambda row: f"{row['share']:.0%} of the tags",
    "variants": "variants",
}


def scheme(
    ctx: typer.Context,
    repository: Name,
    wanted: Annotated[
        str | None,
        typer.Argument(metavar="[SCHEME]", help="semver, date, number, text; or guess."),
    ] = None,
    *,
    variant_pattern: Annotated[
        list[str] | None,
        typer.Option(help="What behind a hyphen is a variant, as alpine*; again for more."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how the tags of a repository are read as versions, or have them read so from now on.

    Examples: `entrepot version scheme team/app`, `entrepot version scheme team/app semver
    --variant-pattern 'alpine*' --variant-pattern 'cuda*'`
    """
    client, where = connect(ctx), {"repository": repository}
    if wanted is None and variant_pattern is None:
        found = client.get("/versions/scheme", **where)
    else:
        said = {"scheme": None if wanted == "guess" else wanted, "variants": variant_pattern}
        found = client.call("PUT", "/versions/scheme", params=where, json=said)
    show_one(found, COLUMNS, as_json=as_json)
