"""`entrepot tag immutable`: which tags hold still, by rules."""

from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, fail
from entrepot.cli.output import Columns, done, show_list, when

app = typer.Typer(
    no_args_is_help=True,
    help="Immutable tags: rules that say which nobody moves or deletes, whoever asks.",
)

COLUMNS: Columns = {
    "rule": "id",
    "repositories": "repositories",
    "kind": "kind",
    "tags": "tags",
    "set": when("created_at"),
    "by": "created_by",
}

Pattern = Annotated[
    str, typer.Argument(help="team or 'team/*' for a whole project, 'team/app-*', team/app.")
]


@app.command("list")
def list_rules(
    ctx: typer.Context,
    repository: Annotated[
        str | None, typer.Argument(help="Only rules that count for this one.", show_default="all")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the rules that count for a repository, or all that one may set.

    Examples: `entrepot tag immutable list team/app`, `entrepot tag immutable list --json`
    """
    given = {"repository": repository} if repository else {}
    show_list(connect(ctx).get("/immutable-tags", **given)["items"], COLUMNS, as_json=as_json)


@app.command()
def add(
    ctx: typer.Context,
    pattern: Pattern,
    *,
    every: Annotated[bool, typer.Option("--all", help="All tags.")] = False,
    semver: Annotated[
        bool, typer.Option("--semver", help="Releases such as 1.2.3 and v1.2.3.")
    ] = False,
    glob: Annotated[str | None, typer.Option(help="Tags as a shell has them: 'v*'.")] = None,
    regex: Annotated[
        str | None, typer.Option(help="Tags that a regular expression means, as a whole.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Have tags hold still from now on, those that are there already too.

    Examples: `entrepot tag immutable add team --semver`,
    `entrepot tag immutable add 'team/app-*' --glob 'release-*'`,
    `entrepot tag immutable add team/app --regex 'v[0-9]+(-lts)?'`
    """
    kinds = {"all": every, "semver": semver, "glob": glob is not None, "regex": regex is not None}
    given = [kind for kind, wanted in kinds.items() if wanted]
    if len(given) != 1:
        fail("give one of --all, --semver, --glob and --regex")
    wanted = {"repositories": pattern, "kind": given[0], "tags": glob or regex or ""}
    made = connect(ctx).post("/immutable-tags", wanted)
    what = {"all": "all tags", "semver": "semver releases"}.get(given[0], f"tags {made['tags']}")
    where = f"in {made['repositories']} (rule {made['id']})"
    stops = "".join(f"; {tag} floats no more" for tag in made["stops"])
    done(f"{what} hold still {where}{stops}", made, as_json=as_json)


@app.command()
def remove(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(help="Number of the rule, as the list shows it.")],
    *,
    as_json: Json = False,
) -> None:
    """Take a rule away: its tags may be moved and deleted again.

    Example: `entrepot tag immutable remove 7`
    """
    connect(ctx).delete(f"/immutable-tags/{number}")
    done(f"rule {number} is taken away", {"id": number}, as_json=as_json)
