"""`entrepot version`: which Entrepot this is; and the versions of images: the table, and choosing.

What is written of versions by hand is in `version_notes`.
"""

import json
import platform
import sqlite3
from itertools import islice
from typing import Annotated, Any

import typer

from entrepot import __version__
from entrepot.cli import version_notes
from entrepot.cli.client import Client, connect
from entrepot.cli.options import Json
from entrepot.cli.output import Columns, Row, done, show_list, when
from entrepot.cli.repository import Name
from entrepot.cli.size import show_size

app = typer.Typer(help="Versions of images; alone, which Entrepot this is.")
app.command("describe")(version_notes.describe)
app.command("plan")(version_notes.plan)
app.command("scheme")(version_notes.scheme)

SHORT = len("sha256:") + 12
LONGEST = 60
"""Characters of a description in a table."""


def say(*, as_json: bool = False) -> None:
    """Say which Entrepot this is."""
    found = {
        "entrepot": __version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    if as_json:
        typer.echo(json.dumps(found))
    else:
        typer.echo("  ".join(f"{name} {number}" for name, number in found.items()))


@app.callback(invoke_without_command=True)
def version(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Versions of images: what each is, where it stands. Alone: which Entrepot this is.

    Example: `entrepot version --json`
    """
    if ctx.invoked_subcommand is None:
        say(as_json=as_json)


def _shortened(field: str) -> Any:
    def cell(row: Row) -> str:
        text = " ".join(str(row[field]).split())
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."

    return cell


COLUMNS: Columns = {
    "version": "tag",
    "also": "also",
    "state": "state",
    "where": "where",
    "description": _shortened("description"),
    "planned": _shortened("plan"),
    "pushed": when("pushed_at"),
    "by": "pushed_by",
    "size": lambda row: show_size(row["size"]),
    "platforms": "platforms",
    "signed": "signed_by",
    "digest": lambda row: row["digest"][:SHORT],
}

Variant = Annotated[
    str | None,
    typer.Option(help='Only variants of this pattern, such as alpine*; "" for those without.'),
]


@app.command("list")
def list_versions(
    ctx: typer.Context,
    repository: Name,
    *,
    within: Annotated[str, typer.Option("--range", help="Such as ~1.2 or '>=1.1 <2'.")] = "",
    variant: Variant = None,
    pre: Annotated[
        bool | None,
        typer.Option("--pre/--no-pre", help="Pre-releases too, also in a range; or none."),
    ] = None,
    state: Annotated[
        str, typer.Option(help="Only those that stand so: new, testing, deployed, bad, ...")
    ] = "",
    sort: Annotated[
        str, typer.Option(help="version, or pushed: what came last first.")
    ] = "version",
    limit: Annotated[int, typer.Option(min=1, help="So many.")] = 50,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    as_json: Json = False,
) -> None:
    """Show the versions of a repository: what each brings, where it stands, what is planned.

    Examples: `entrepot version list team/app`, `entrepot version list team/app --range '^1' --pre`,
    `entrepot version list team/app --sort pushed --limit 1 --json`
    """
    client = connect(ctx)
    given = {"repository": repository, "range": within, "prereleases": pre, "state": state}
    wanted = {name: value for name, value in given.items() if value not in (None, "")}
    if variant is not None:
        wanted["variant"] = variant
    pages = _Pages(client, {**wanted, "sort": sort}, 500 if every else min(limit, 500))
    show_list(islice(pages.rows(), None if every else limit), COLUMNS, as_json=as_json)
    if not as_json:
        typer.echo(_reading(pages.last))


class _Pages:
    """The pages of a table, as far as they are needed."""

    def __init__(self, client: Client, wanted: dict[str, Any], size: int) -> None:
        self._client = client
        self._wanted = {**wanted, "limit": size}
        self.last: dict[str, Any] = {}

    def rows(self) -> Any:
        after: dict[str, str] = {}
        while True:
            given = {**self._wanted, **after}
            self.last = self._client.call("GET", "/versions", params=given)
            yield from self.last["items"]
            if self.last["next"] is None:
                return
            after = {"after": self.last["next"]}


def _reading(page: dict[str, Any]) -> str:
    found, others = page["reading"], page["others"]
    how = f"guessed: it reads {found['share']:.0%} of them" if found["guessed"] else "as was set"
    more = f"; {others} other {'tag is' if others == 1 else 'tags are'} no version"
    return f"tags are read as {found['scheme']} ({how}){more if others else ''}"


@app.command()
def resolve(
    ctx: typer.Context,
    repository: Name,
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="VERSION", help="A range, as ~1.2; latest stable; latest; a version, a channel."
        ),
    ],
    *,
    variant: Variant = None,
    pre: Annotated[bool, typer.Option("--pre", help="Also pre-releases.")] = False,
    as_json: Json = False,
) -> None:
    """Say which tag and digest a range means now: the newest that fits and is not bad.

    Examples: `entrepot version resolve team/app '~1.2'`, `entrepot version resolve team/app 'latest
    stable' --variant 'alpine*' --json`
    """
    given: dict[str, Any] = {"repository": repository, "version": wanted, "prereleases": pre}
    if variant is not None:
        given["variant"] = variant
    found = connect(ctx).call("GET", "/versions/resolve", params=given)
    done(f"{repository}:{found['tag']}@{found['digest']}", found, as_json=as_json)


@app.command("next")
def coming(
    ctx: typer.Context,
    repository: Name,
    *,
    bump: Annotated[str, typer.Option(help="Which number grows: major, minor or patch.")] = "patch",
    pre: Annotated[
        str, typer.Option(metavar="NAME", help="A pre-release of that, such as rc.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Say which tag to push next, after the newest.

    Examples: `entrepot version next team/app --bump minor`, `entrepot version next team/app --pre
    rc`
    """
    found = connect(ctx).get("/versions/next", repository=repository, bump=bump, prerelease=pre)
    done(found["tag"], found, as_json=as_json)
