"""`entrepot retention`: which tags and manifests go by themselves."""

import sys
from typing import Annotated, Any

import typer

from entrepot.cli.client import Client, connect
from entrepot.cli.options import Json, Yes, confirm, fail
from entrepot.cli.output import Columns, done, show_json, show_list, when

app = typer.Typer(
    no_args_is_help=True,
    help="Retention: rules that say which tags and manifests go by themselves, into the trash.",
)

COLUMNS: Columns = {
    "pattern": "pattern",
    "rules": lambda row: ", ".join(_words(row["rules"])),
    "set by": "created_by",
}
FATES: Columns = {
    "repository": "repository",
    "tag": "tag",
    "becomes": lambda row: "kept" if row["keep"] else "DELETED",
    "why": "why",
    "pushed": when("pushed_at"),
}
LOOSE: Columns = {"repository": "repository", "manifest": "digest", "why": "why"}

Pattern = Annotated[str, typer.Argument(help="Repositories: team/*, team/app-* or team/app.")]


def _words(rules: dict[str, Any]) -> list[str]:
    given = {name: value for name, value in rules.items() if value not in (None, [])}
    return [
        f"{name.replace('_', '-')} {' '.join(value) if isinstance(value, list) else value}"
        for name, value in given.items()
    ]


@app.command("list")
def list_rules(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the rules. Of several patterns that mean a repository the longest counts.

    Example: `entrepot retention list`
    """
    show_list(connect(ctx).get("/retention")["items"], COLUMNS, as_json=as_json)


@app.command()
def plan(ctx: typer.Context, pattern: Pattern, *, as_json: Json = False) -> None:
    """Say what the rules would take now, and why each tag is kept or not. Changes nothing.

    Examples: `entrepot retention plan 'team/*'`, `entrepot retention plan team/app --json`
    """
    _show(_planned(connect(ctx), pattern, None), as_json=as_json)


@app.command("set")
def set_rules(
    ctx: typer.Context,
    pattern: Pattern,
    *,
    keep_newest: Annotated[int | None, typer.Option(help="Keep so many newest tags.")] = None,
    keep_days: Annotated[float | None, typer.Option(help="Keep what is younger.")] = None,
    keep_pulled: Annotated[
        float | None, typer.Option(help="Keep what was pulled within so many days.")
    ] = None,
    keep_tags: Annotated[
        list[str] | None, typer.Option(help="Always keep such tags, as v* or release-*.")
    ] = None,
    semver_patches: Annotated[
        int | None, typer.Option(help="Keep so many newest patches of each minor version.")
    ] = None,
    semver_minors: Annotated[
        int | None, typer.Option(help="Keep only so many newest minor versions.")
    ] = None,
    prerelease_days: Annotated[
        float | None, typer.Option(help="Keep pre-releases for so many days.")
    ] = None,
    untagged_days: Annotated[
        float | None, typer.Option(help="Keep manifests that nothing keeps for so many days.")
    ] = None,
    dangling_days: Annotated[
        float | None, typer.Option(help="Keep referrers without subject for so many days.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what these rules would take now.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Set the rules of a pattern, once you have seen what they would take now.

    A tag goes when some rule is about it and none keeps it. Versions are tags such as 1.2.3 or
    v1.2.3. What goes lies in the trash for ENTREPOT_TRASH_DAYS.

    Examples: `entrepot retention set 'team/*' --keep-newest 10 --keep-days 30 --dry-run`,
    `entrepot retention set team/app --semver-patches 1 --prerelease-days 14 --keep-tags latest`,
    `entrepot retention set 'team/*' --untagged-days 7 --yes`
    """
    given = {
        "keep_newest": keep_newest,
        "keep_days": keep_days,
        "keep_pulled_days": keep_pulled,
        "keep_tags": keep_tags,
        "semver_patches": semver_patches,
        "semver_minors": semver_minors,
        "prerelease_days": prerelease_days,
        "untagged_days": untagged_days,
        "dangling_days": dangling_days,
    }
    rules = {name: value for name, value in given.items() if value is not None}
    if not rules:
        fail("give at least one rule, such as --keep-newest 10")
    client = connect(ctx)
    if dry_run:
        _show(_planned(client, pattern, rules), as_json=as_json)
        return
    if not yes:
        _ask(client, pattern, rules, "set these rules?")
    made = client.call("PUT", "/retention", params={"pattern": pattern}, json=rules)
    done(f"retention of {pattern}: {', '.join(_words(made['rules']))}", made, as_json=as_json)


@app.command("run")
def run_now(
    ctx: typer.Context,
    pattern: Pattern,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Do at once what the rules that are set say; they do it by themselves once a day.

    Example: `entrepot retention run 'team/*'`
    """
    client = connect(ctx)
    if not yes:
        _ask(client, pattern, None, "delete that, into the trash?")
    found = client.call("POST", "/retention/apply", params={"pattern": pattern})
    done(f"{found['deleted']} things went to the trash", found, as_json=as_json)


@app.command()
def remove(ctx: typer.Context, pattern: Pattern, *, as_json: Json = False) -> None:
    """Take the rules of a pattern away: nothing goes by them any more.

    Example: `entrepot retention remove 'team/*'`
    """
    connect(ctx).call("DELETE", "/retention", params={"pattern": pattern})
    done(f"{pattern} has no rules any more", {"pattern": pattern}, as_json=as_json)


def _ask(client: Client, pattern: str, rules: dict[str, Any] | None, question: str) -> None:
    """Show what would go, to whoever can see it, and ask."""
    if sys.stdin.isatty():
        _show(_planned(client, pattern, rules), as_json=False)
    confirm(question, yes=False)


def _planned(client: Client, pattern: str, rules: dict[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = client.call(
        "POST", "/retention/plan", params={"pattern": pattern}, json=rules or {}
    )
    return found


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    for rows, columns in ((found["tags"], FATES), (found["manifests"], LOOSE)):
        if rows:
            show_list(rows, columns, as_json=False)
    gone = sum(not each["keep"] for each in found["tags"])
    more = "" if found["complete"] else ", and more repositories that were not looked at"
    typer.echo(
        f"{gone} of {len(found['tags'])} tags and {len(found['manifests'])} manifests would go, "
        f"in {found['repositories']} repositories{more}"
    )
