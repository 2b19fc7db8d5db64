"""`entrepot grant` and `entrepot can`: who has which role on what, and what follows from it."""

from enum import StrEnum
from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json
from entrepot.cli.output import Columns, done, show_list, when

app = typer.Typer(no_args_is_help=True, help="Grants: who has which role on what.")

COLUMNS: Columns = {
    "id": "id",
    "subject": "subject",
    "role": "role",
    "pattern": "pattern",
    "made": when("created_at"),
    "by": "created_by",
    "used": when("used_at"),
}


class Role(StrEnum):
    """What `auth.roles` has, in the order of power."""

    READER = "reader"
    WRITER = "writer"
    MAINTAINER = "maintainer"
    OWNER = "owner"
    CREATOR = "creator"
    REPORTER = "reporter"
    AUDITOR = "auditor"
    ADMIN = "admin"


Who = Annotated[str, typer.Argument(help="user:, group:, robot: or workload:NAME.")]


@app.command("list")
def list_grants(
    ctx: typer.Context,
    *,
    subject: Annotated[str, typer.Option(help="Only of this subject, such as user:alice.")] = "",
    project: Annotated[str, typer.Option(help="Only on patterns in this project.")] = "",
    as_json: Json = False,
) -> None:
    """List the grants that one may see.

    Examples: `entrepot grant list`, `entrepot grant list --subject user:alice --json`
    """
    rows = connect(ctx).every("/grants", subject=subject, project=project)
    show_list(rows, COLUMNS, as_json=as_json)


@app.command()
def add(
    ctx: typer.Context,
    subject: Who,
    role: Annotated[Role, typer.Argument(help="What they may.")],
    pattern: Annotated[str, typer.Argument(help="On what: '*', 'team/*', team/app.")],
    *,
    as_json: Json = False,
) -> None:
    """Give someone a role. creator, reporter, auditor and admin are given on '*'.

    Examples: `entrepot grant add user:alice reader 'team/*'`,
    `entrepot grant add group:dev writer team/app`
    """
    wanted = {"subject": subject, "role": role, "pattern": pattern}
    made = connect(ctx).post("/grants", wanted)
    done(f"{subject} is {role} on {pattern} (grant {made['id']})", made, as_json=as_json)


@app.command()
def remove(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(help="Id of the grant, as the list shows it.")],
    *,
    as_json: Json = False,
) -> None:
    """Take a grant back. Tokens made by it end within minutes (ENTREPOT_TOKEN_SECONDS).

    Example: `entrepot grant remove 7`
    """
    connect(ctx).delete(f"/grants/{number}")
    done(f"grant {number} is taken back", {"id": number}, as_json=as_json)


class Action(StrEnum):
    """What may be done to a repository."""

    PULL = "pull"
    PUSH = "push"
    MOVE = "move"
    DELETE = "delete"


def can(
    ctx: typer.Context,
    actor: Annotated[str, typer.Argument(help="user:, robot:, workload:NAME, or anonymous.")],
    action: Annotated[Action, typer.Argument(help="What to do.")],
    repository: Annotated[str, typer.Argument(help="To which repository.")],
    *,
    address: Annotated[str, typer.Option(help="As if they came from this address.")] = "",
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing; end with 0 for yes, 1 for no.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say whether someone may do something, and which grant or policy says so.

    Examples: `entrepot can user:alice push team/app`,
    `entrepot can anonymous pull base/debian --quiet`
    """
    answer = connect(ctx).get(
        "/can", actor=actor, action=action.value, repository=repository, address=address
    )
    if quiet:
        raise typer.Exit(0 if answer["allowed"] else 1)
    done(f"{'yes' if answer['allowed'] else 'no'}: {answer['reason']}", answer, as_json=as_json)
