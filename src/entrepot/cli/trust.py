"""`entrepot trust`: rules that say which tokens mean a workload, and what it may do."""

import sys
from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.expiry import parse_allowance
from entrepot.cli.options import Json, Yes, confirm, fail
from entrepot.cli.output import Columns, done, show_json, show_list, show_one, when

app = typer.Typer(no_args_is_help=True, help="Trust rules: which tokens mean a workload.")

COLUMNS: Columns = {
    "name": "name",
    "issuer": "issuer",
    "audience": "audience",
    "claims": lambda row: [f"{path}={pattern}" for path, pattern in row["claims"].items()],
    "grants": lambda row: [f"{each['role']}:{each['pattern']}" for each in row["grants"]],
    "made": when("created_at"),
    "by": "created_by",
}

Name = Annotated[str, typer.Argument(help="Name of the rule, and of the workload it means.")]


@app.command("list")
def list_rules(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List trust rules.

    Example: `entrepot trust list --json`
    """
    show_list(connect(ctx).every("/trusts"), COLUMNS, as_json=as_json)


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Show a trust rule.

    Example: `entrepot trust show release`
    """
    show_one(connect(ctx).get(f"/trusts/{name}"), COLUMNS, as_json=as_json)


@app.command()
def add(
    ctx: typer.Context,
    name: Name,
    *,
    issuer: Annotated[str, typer.Option(help="Whose tokens; see entrepot issuer list.")],
    audience: Annotated[str, typer.Option(help="For which audience tokens must be made.")],
    claim: Annotated[
        list[str], typer.Option(help="PATH=PATTERN; may be repeated, all must match.")
    ],
    grant: Annotated[
        list[str] | None, typer.Option(help="ROLE:PATTERN to give at once; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say which tokens mean the workload NAME; a rule of that name is replaced.

    Example: `entrepot trust add builders --issuer https://kubernetes.default.svc.cluster.local
    --audience registry.example.com --claim 'sub=system:serviceaccount:team-*:builder'
    --grant 'writer:team/*'`
    """
    wanted = {
        "issuer": issuer,
        "audience": audience,
        "claims": _conditions(claim),
        "grants": [parse_allowance(each, "--grant") for each in grant or ()],
    }
    made = connect(ctx).put(f"/trusts/{name}", wanted)
    done(f"such tokens mean workload:{name}", made, as_json=as_json)


def _conditions(claims: list[str]) -> dict[str, str]:
    pairs = [_pair(each) for each in claims]
    found = dict(pairs)
    if len(found) < len(pairs):
        fail("each --claim is about another claim: a second rule can say what else is taken")
    return found


def _pair(text: str) -> tuple[str, str]:
    path, found, pattern = text.partition("=")
    if not (path and found and pattern):
        fail(f"--claim is {text!r}: write PATH=PATTERN, such as 'sub=system:*'")
    return path, pattern


@app.command()
def remove(ctx: typer.Context, name: Name, *, yes: Yes = False, as_json: Json = False) -> None:
    """Delete a rule with its grants: no new token is taken by it.

    Example: `entrepot trust remove release --yes`
    """
    confirm(f"remove trust rule {name} with its grants?", yes=yes)
    connect(ctx).delete(f"/trusts/{name}")
    done(f"trust rule {name} is gone", {"name": name}, as_json=as_json)


@app.command("test")
def probe(
    ctx: typer.Context,
    *,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from standard input.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say why a token means a workload, or does not; ends with 1 where it does not.

    Example: `entrepot trust test --token-stdin < token.jwt`
    """
    if not token_stdin:
        fail("give the token by --token-stdin: on the command line others would see it")
    found = connect(ctx).post("/trusts/test", {"token": sys.stdin.read().strip()})
    if as_json:
        show_json(found)
    else:
        _explain(found)
    if not found["good"]:
        raise typer.Exit(1)


def _explain(found: Any) -> None:
    typer.echo(f"the token itself: {found['why'] or 'good'}")
    for name, value in found["says"].items():
        typer.echo(f"  {name}: {value}")
    for each in found["rules"]:
        typer.echo(f"rule {each['rule']}: {each['why'] or 'it matches'}")
    if not found["rules"]:
        typer.echo("no rule is about its issuer: see entrepot issuer list")
