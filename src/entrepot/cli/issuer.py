"""`entrepot issuer`: whose tokens workloads may bring in place of a password."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, Yes, confirm, fail, read_text
from entrepot.cli.output import Columns, Row, done, show_list, when

app = typer.Typer(no_args_is_help=True, help="Issuers of tokens that workloads bring.")


def _keys(row: Row) -> str:
    return f"{len(row['jwks']['keys'])} uploaded" if row["jwks"] else "by discovery"


COLUMNS: Columns = {
    "url": "url",
    "keys": _keys,
    "ca": lambda row: "private" if row["ca"] else "system's",
    "made": when("created_at"),
    "by": "created_by",
}

Url = Annotated[str, typer.Argument(help="The iss of its tokens, to the letter.")]


@app.command("list")
def list_issuers(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the issuers that are trusted.

    Example: `entrepot issuer list`
    """
    show_list(connect(ctx).every("/issuers"), COLUMNS, as_json=as_json)


@app.command()
def add(
    ctx: typer.Context,
    url: Url,
    *,
    jwks: Annotated[
        Path | None,
        typer.Option(help="File with its keys (JWKS).", show_default="found by discovery"),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="File with its private CA.", show_default="the system's")
    ] = None,
    as_json: Json = False,
) -> None:
    """Trust an issuer, or say anew how its keys are had. Next: `entrepot trust add`.

    Examples: `entrepot issuer add https://token.actions.githubusercontent.com`,
    `entrepot issuer add https://kubernetes.default.svc.cluster.local --jwks cluster.jwks`
    """
    wanted: dict[str, Any] = {"url": url}
    if jwks is not None:
        wanted["jwks"] = _document(jwks)
    if ca is not None:
        wanted["ca"] = read_text(ca)
    made = connect(ctx).put("/issuers", wanted)
    done(f"tokens of {url} are taken, where a trust rule matches", made, as_json=as_json)


def _document(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except ValueError as error:
        fail(f"{path} is not JSON: {error}")


@app.command()
def remove(ctx: typer.Context, url: Url, *, yes: Yes = False, as_json: Json = False) -> None:
    """Trust an issuer no more; its rules go too, with their grants.

    Example: `entrepot issuer remove https://gitlab.example.com --yes`
    """
    confirm(f"remove issuer {url} with its rules and their grants?", yes=yes)
    connect(ctx).call("DELETE", "/issuers", params={"url": url})
    done(f"issuer {url} is gone", {"url": url}, as_json=as_json)
