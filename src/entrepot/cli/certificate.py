"""`entrepot certificate`: whom client certificates mean."""

from enum import StrEnum
from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json
from entrepot.cli.output import Columns, done, show_list, when

app = typer.Typer(no_args_is_help=True, help="Client certificates: whom they mean.")

COLUMNS: Columns = {
    "name": "name",
    "field": "field",
    "pattern": "pattern",
    "account": "account",
    "made": when("created_at"),
    "by": "created_by",
}


class Field(StrEnum):
    """Where in a certificate to look."""

    CN = "cn"
    DNS = "dns"
    EMAIL = "email"
    URI = "uri"
    SUBJECT = "subject"


Name = Annotated[str, typer.Argument(help="Name of the rule; rules are tried by name.")]


@app.command("list")
def list_rules(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the rules, in the order in which they are tried.

    Example: `entrepot certificate list`
    """
    show_list(connect(ctx).every("/certificates"), COLUMNS, as_json=as_json)


@app.command()
def add(
    ctx: typer.Context,
    name: Name,
    field: Annotated[Field, typer.Argument(help="Where in the certificate to look.")],
    pattern: Annotated[str, typer.Argument(help="What it must be; one * takes anything.")],
    account: Annotated[str, typer.Argument(help="user:NAME or robot:NAME; * is what * took.")],
    *,
    as_json: Json = False,
) -> None:
    """Say whom certificates of ENTREPOT_TLS_CLIENT_CA mean; a rule of that name is replaced.

    Examples: `entrepot certificate add nodes cn 'node-*' robot:nodes`,
    `entrepot certificate add people email '*@example.com' 'user:*'`
    """
    wanted = {"field": field.value, "pattern": pattern, "account": account}
    made = connect(ctx).put(f"/certificates/{name}", wanted)
    done(f"a certificate with {field} {pattern} means {account}", made, as_json=as_json)


@app.command()
def remove(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Delete a rule: the certificates that it knew mean nobody from now on.

    Example: `entrepot certificate remove nodes`
    """
    connect(ctx).delete(f"/certificates/{name}")
    done(f"rule {name} is gone", {"name": name}, as_json=as_json)
