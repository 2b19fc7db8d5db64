"""`entrepot tag float`: tags that the registry itself moves as versions are pushed."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, fail
from entrepot.cli.output import Columns, done, show_json, show_list, when
from entrepot.cli.tag_immutable import Pattern

app = typer.Typer(
    no_args_is_help=True,
    help="Floating tags: 1, 1.4 and latest, which the registry itself has follow versions.",
)

COLUMNS: Columns = {
    "repositories": "repositories",
    "float": lambda row: ", ".join(_words(row["floats"])),
    "asked": when("created_at"),
    "by": "created_by",
}
MOVES: Columns = {
    "repository": "repository",
    "tag": "tag",
    "version": "version",
    "was": lambda row: row["old"][:19],
    "left alone": "held",
}


def _words(floats: dict[str, bool]) -> list[str]:
    names = {"major": "1", "minor": "1.4", "latest": "latest"}
    found = [words for name, words in names.items() if floats[name]]
    return [*found, "pre-releases too"] if floats["prereleases"] else found


@app.command("list")
def list_rules(
    ctx: typer.Context,
    repository: Annotated[
        str | None, typer.Argument(help="Only what counts for this one.", show_default="all")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List what floats where. `entrepot tag list` shows which version each tag stands for.

    Examples: `entrepot tag float list`, `entrepot tag float list team/app --json`
    """
    given = {"repository": repository} if repository else {}
    show_list(connect(ctx).get("/floating-tags", **given)["items"], COLUMNS, as_json=as_json)


@app.command("set")
def set_rule(
    ctx: typer.Context,
    pattern: Pattern,
    *,
    major: Annotated[bool, typer.Option("--major", help="1 is the newest 1.x.y.")] = False,
    minor: Annotated[bool, typer.Option("--minor", help="1.4 is the newest 1.4.x.")] = False,
    latest: Annotated[bool, typer.Option("--latest", help="latest is the newest of all.")] = False,
    prereleases: Annotated[
        bool, typer.Option("--prereleases", help="Let pre-releases such as 2.0.0-rc.1 count too.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what that would move.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Have the registry move tags to the newest version, now and with each push.

    It replaces what was set for the pattern. Nobody else moves such tags then.

    Examples: `entrepot tag float set team --major --minor --latest --dry-run`,
    `entrepot tag float set team/app --minor --latest`
    """
    wanted = {"major": major, "minor": minor, "latest": latest, "prereleases": prereleases}
    if not (major or minor or latest):
        fail("give at least one of --major, --minor and --latest")
    where = {"pattern": pattern, "dry_run": dry_run}
    found = connect(ctx).call("PUT", "/floating-tags", params=where, json=wanted)
    if as_json:
        show_json(found)
        return
    if found["moves"]:
        show_list(found["moves"], MOVES, as_json=False)
    typer.echo(_sentence(found, tried=dry_run))


def _sentence(found: dict[str, Any], *, tried: bool) -> str:
    moved = sum(not move["held"] for move in found["moves"])
    what = ", ".join(_words(found["floats"]))
    would = "would float" if tried else "float"
    move = "would move" if tried else "moved"
    return f"{what} {would} in {found['repositories']}: {moved} tags {move} now"


@app.command("off")
def off(ctx: typer.Context, pattern: Pattern, *, as_json: Json = False) -> None:
    """Let go of what floats by the rule of a pattern: it stays where it is.

    Example: `entrepot tag float off team/app`
    """
    connect(ctx).call("DELETE", "/floating-tags", params={"pattern": pattern})
    done(f"nothing floats by a rule for {pattern}", {"repositories": pattern}, as_json=as_json)
