"""`entrepot kube doctor`, also `kubectl entrepot doctor`: why pods do not pull, and the cure."""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli import context as contexts
from entrepot.cli.kube_connect import KubeContext
from entrepot.cli.options import Json, fail
from entrepot.cli.output import show_json
from entrepot.cli.reading import reading
from entrepot.kube.kubectl import Kubectl, KubectlError

if TYPE_CHECKING:
    from entrepot.kube.doctor.examination import Finding, Trust

_UNKNOWN = 2


def doctor(
    target: Annotated[
        str,
        typer.Argument(
            help="POD, deployment/NAME or namespace/NAME.", show_default="all pods of the namespace"
        ),
    ] = "",
    *,
    namespace: Annotated[
        str,
        typer.Option("--namespace", "-n", help="Where it is.", show_default="the context's"),
    ] = "",
    context: KubeContext = "",
    ca: Annotated[
        Path | None,
        typer.Option(
            help="File with the CA that the nodes trust.",
            show_default="the login's, or the system's",
        ),
    ] = None,
    read_layers: Annotated[
        bool,
        typer.Option(
            "--read-layers", help="Read each layer whole, and compare it with its digest."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Say why pods do not pull: each image is asked for as the node does, with the pod's secrets.

    The cause is named, whose it is, and what mends it. Ends with 0 where nothing is wrong, 1 where
    something is, 2 where it cannot be known. Nothing is changed, and no password is shown.

    Examples: `entrepot kube doctor web-6d4f -n team-a`, `entrepot kube doctor deployment/web
    -n team-a --context prod --ca ca.crt`, `entrepot kube doctor -n team-a --json`
    """
    from entrepot.kube.doctor.cases import AbsentError, Cases
    from entrepot.kube.doctor.examination import examine

    trust = _trust(ca)
    try:
        cases = Cases(Kubectl(context), namespace).of(target)
    except (AbsentError, KubectlError) as error:
        fail(str(error), _UNKNOWN)
    with reading(wanted=read_layers) as watch:
        findings = [examine(case, trust, watch) for case in cases]
    if as_json:
        show_json([each.document() for each in findings])
    else:
        typer.echo("\n\n".join(_told(each) for each in findings) or "there is no pod")
    if any(each.diagnosis is not None for each in findings):
        raise typer.Exit(1)


def _told(finding: "Finding") -> str:
    case, found = finding.case, finding.diagnosis
    pods = ", ".join(case.pods) or case.workload or "no pod yet"
    head = f"{case.namespace}/{pods}: {case.image}"
    lines = [("well", "nothing is wrong with its image")]
    if found is not None:
        lines = [("wrong", found.wrong), ("whose", found.cause.whose), ("mend", found.mend)]
    lines += [("note", each) for each in finding.notes]
    return "\n".join([head, *(f"  {name:<6} {text}" for name, text in lines)])


def _trust(ca: Path | None) -> "Trust":
    """The system's CAs, with the one that is named, or else the one of a login at that host."""
    _, known = contexts.read()
    files = {each.url.partition("://")[2]: each.ca for each in known.values() if each.ca}

    def of(host: str) -> ssl.SSLContext:
        found = ssl.create_default_context()
        named = str(ca) if ca else files.get(host)
        if named:
            try:
                found.load_verify_locations(named)
            except OSError as error:
                fail(f"cannot read the CA {named}: {error}", _UNKNOWN)
        return found

    return of


_plugin = typer.Typer(no_args_is_help=True, help="Entrepot in a cluster.")
_plugin.command("doctor")(doctor)


@_plugin.callback()
def _entrepot() -> None:
    """Entrepot in a cluster."""


def plugin() -> None:
    """The console script `kubectl-entrepot`, which kubectl calls for `kubectl entrepot`."""
    _plugin(prog_name="kubectl entrepot")
