"""`entrepot kube doctor`, also `kubectl entrepot doctor`: why pods do not pull, and the cure."""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli import context as contexts
from entrepot.cli import hurry
from entrepot.cli.kube_connect import KubeContext
from entrepot.cli.options import Json, fail
from entrepot.cli.output import show_json
from entrepot.cli.reading import reading
from entrepot.kube.kubectl import Kubectl, KubectlError

if TYPE_CHECKING:
    from entrepot.kube.doctor.examination import Finding
    from entrepot.kube.doctor.node_view import NodeView
    from entrepot.kube.doctor.replay import Trust

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
    node_files: Annotated[
        Path | None,
        typer.Option(
            help="Folder with a node's /etc, or the one of `kube connect --node-files`.",
            show_default="mirrors and plugins of nodes are not looked at",
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
    -n team-a --context prod --ca ca.crt`, `entrepot kube doctor -n team-a --json`,
    `entrepot kube doctor web-6d4f -n team-a --node-files ./nodes --read-layers`
    """
    from entrepot.kube.doctor.cases import AbsentError, Cases
    from entrepot.kube.doctor.examination import Examiner

    kubectl = Kubectl(context)
    view = _view(node_files, kubectl) if node_files else None
    trust = trusting(ca, view)
    try:
        cases = Cases(kubectl, namespace).of(target)
    except (AbsentError, KubectlError) as error:
        fail(str(error), _UNKNOWN)
    with reading(wanted=read_layers) as watch:
        findings = list(map(Examiner(trust, view, watch).examine, cases))
    if as_json:
        show_json([each.document() for each in findings])
    else:
        told = [_told(each) for each in findings] or ["there is no pod"]
        typer.echo("\n\n".join(told + _untold(findings)))
    if any(each.diagnosis is not None for each in findings):
        raise typer.Exit(1)


def _told(finding: "Finding") -> str:
    case, found = finding.case, finding.diagnosis
    pods = ", ".join(case.pods) or case.workload or "no pod yet"
    head = f"{case.namespace}/{pods}: {case.image}"
    lines = [("well", "nothing is wrong with its image")]
    if found is not None:
        lines = [("wrong", found.wrong), ("whose", found.cause.whose), ("mend", found.mend)]
    lines += [("asked", str(each)) for each in finding.asked if finding.is_mirrored]
    lines += [("note", each) for each in finding.notes]
    return "\n".join([head, *(f"  {name:<6} {text}" for name, text in lines)])


def _untold(findings: "list[Finding]") -> list[str]:
    """One line on what nobody could see from here."""
    from entrepot.kube.doctor.node_view import UNSEEN

    return [UNSEEN] if any(each.unseen for each in findings) else []


def _view(folder: Path, kubectl: Kubectl) -> "NodeView":
    from entrepot.kube.doctor.etc import Etc
    from entrepot.kube.doctor.node_view import NodeView

    if not folder.is_dir():
        fail(f"there is no folder {folder}", _UNKNOWN)
    return NodeView(Etc(folder), kubectl)


def trusting(ca: Path | None, view: "NodeView | None") -> "Trust":
    """What the node trusts by its files; else the system's CAs and the one of a login there.

    The one that is named is trusted in any case.
    """
    _, known = contexts.read()
    files = {each.url.partition("://")[2]: each.ca for each in known.values() if each.ca}

    def of(host: str) -> ssl.SSLContext:
        found = view.trusted() if view else ssl.create_default_context()
        named = str(ca) if ca else None if view else files.get(host)
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
    hurry()
    _plugin(prog_name="kubectl entrepot")
