"""`entrepot signer`: whose signatures count in a project, and where they are demanded."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, Yes, confirm, fail, read_text
from entrepot.cli.output import Columns, Row, done, show_list, when

app = typer.Typer(
    no_args_is_help=True,
    help="Signers: whose signatures count in a project; demanding them for pulls.",
)


def _terms(row: Row) -> str:
    return str(_WORDS[row["kind"]](row[row["kind"]]))


_WORDS: dict[str, Callable[[Row], Any]] = {
    "key": lambda said: said["pem"].strip().splitlines()[-2][-16:],
    "identity": lambda said: f"{said['identity']} of {said['issuer']}",
    "notation": lambda said: said["subject"],
}

COLUMNS: Columns = {
    "project": "project",
    "name": "name",
    "repositories": "pattern",
    "kind": "kind",
    "signs with": _terms,
    "named": when("created_at"),
    "by": "created_by",
}
DEMANDS: Columns = {
    "repositories": "pattern",
    "signed by one of": "signers",
    "since": when("created_at"),
    "by": "created_by",
}

Project = Annotated[str, typer.Argument(help="The project, such as team.")]
Name = Annotated[str, typer.Argument(help="What the signer is called, such as ci.")]
Pattern = Annotated[
    str,
    typer.Option(help="Only these repositories of the project: team/app-* or team/app."),
]


@app.command("list")
def list_signers(
    ctx: typer.Context,
    *,
    project: Annotated[str, typer.Option(help="Only of this project.")] = "",
    as_json: Json = False,
) -> None:
    """List signers: whose signatures count, and where.

    Examples: `entrepot signer list`, `entrepot signer list --project team --json`
    """
    show_list(connect(ctx).get("/signers", project=project)["items"], COLUMNS, as_json=as_json)


@app.command()
def add(
    ctx: typer.Context,
    project: Project,
    name: Name,
    *,
    key: Annotated[
        Path | None, typer.Option(help="Who has the private half of this key; a file with PEM.")
    ] = None,
    identity: Annotated[
        str, typer.Option(help="Who signs keyless: an address or a URI, * is any characters.")
    ] = "",
    issuer: Annotated[str, typer.Option(help="With --identity: the issuer that knows it.")] = "",
    root: Annotated[
        Path | None, typer.Option(help="With --identity: a file with sigstore's trusted root.")
    ] = None,
    notation_ca: Annotated[
        Path | None, typer.Option(help="Who has a certificate of this CA, by notation; PEM.")
    ] = None,
    subject: Annotated[
        str, typer.Option(help="With --notation-ca: what its subject must have.")
    ] = "",
    pattern: Pattern = "",
    as_json: Json = False,
) -> None:
    """Name a signer, or change the one of that name: by a key, an identity or a certificate.

    What they have signed before counts at once.

    Examples: `entrepot signer add team ci --key cosign.pub`,
    `entrepot signer add team ci --key cosign.pub --pattern 'team/app-*'`,
    `entrepot signer add team release --issuer https://token.actions.githubusercontent.com
    --identity 'https://github.com/team/*' --root trusted_root.json`,
    `entrepot signer add team ops --notation-ca ca.pem --subject 'CN=ops,O=Example'`
    """
    given: dict[str, dict[str, Path | str | None]] = {
        "key": {"pem": key},
        "identity": {"identity": identity, "issuer": issuer, "root": root},
        "notation": {"ca": notation_ca, "subject": subject},
    }
    wanted: dict[str, Any] = {
        kind: {name: _content(each) for name, each in said.items()}
        for kind, said in given.items()
        if any(said.values())
    }
    if len(wanted) != 1 or not all(all(said.values()) for said in wanted.values()):
        fail("say who it is: --key, or --identity --issuer --root, or --notation-ca --subject")
    if pattern:
        wanted["pattern"] = pattern
    made = connect(ctx).put(f"/signers/{project}/{name}", wanted)
    done(f"{name} signs for {made['pattern']}", made, as_json=as_json)


def _content(given: Path | str | None) -> str:
    return read_text(given) if isinstance(given, Path) else given or ""


@app.command()
def remove(
    ctx: typer.Context, project: Project, name: Name, *, yes: Yes = False, as_json: Json = False
) -> None:
    """Have a signer's signatures count no more, those of before included.

    Where they alone were demanded, nothing is pulled any more by who may not push.

    Example: `entrepot signer remove team ci --yes`
    """
    confirm(f"have no signature of {name} count in {project} any more?", yes=yes)
    connect(ctx).delete(f"/signers/{project}/{name}")
    done(f"{name} signs for {project} no more", {"project": project, "name": name}, as_json=as_json)


@app.command()
def demand(
    ctx: typer.Context,
    project: Project,
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(help="One of these must have signed; may be repeated. Else any signer."),
    ] = None,
    pattern: Pattern = "",
    off: Annotated[bool, typer.Option("--off", help="Demand it no more.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Demand signatures for pulls: unsigned images are served only to whoever may push there.

    Examples: `entrepot signer demand team --by ci --by release`,
    `entrepot signer demand team --pattern team/app --yes`, `entrepot signer demand team --off`
    """
    where = pattern or f"{project}/*"
    if where.partition("/")[0] != project:
        fail(f"--pattern {where} is not in project {project}")
    client, params = connect(ctx), {"pattern": where}
    if off:
        client.call("DELETE", "/demands", params=params)
        done(f"{where} is pulled unsigned, too", {"pattern": where}, as_json=as_json)
        return
    confirm(f"refuse pulls of what is not signed in {where}?", yes=yes)
    made = client.call("PUT", "/demands", params=params, json={"signers": by or []})
    names = " or ".join(made["signers"])
    done(f"{where} is pulled only where {names} signed", made, as_json=as_json)


@app.command()
def demands(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List where signatures are demanded for pulls, and whose.

    Example: `entrepot signer demands --json`
    """
    show_list(connect(ctx).get("/demands")["items"], DEMANDS, as_json=as_json)
