"""`entrepot kube connect` and `disconnect`: a cluster pulls with no stored secret, or no more."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot.cli.client import connect as api_of
from entrepot.cli.hosts import parse_host, read_ca
from entrepot.cli.options import Json, Yes, confirm, fail
from entrepot.cli.output import show_json
from entrepot.kube import connecting, provider_config
from entrepot.kube.connecting import Cluster, ConnectError, Sign, Step
from entrepot.kube.kubectl import Kubectl, KubectlError
from entrepot.kube.node_files import NodeFiles
from entrepot.kube.permission import Permission

KubeContext = Annotated[
    str,
    typer.Option("--context", help="Of your kubeconfig.", show_default="the current one"),
]
Registry = Annotated[str, typer.Option(help="HOST[:PORT] that images begin with.")]
Name = Annotated[
    str | None,
    typer.Option(help="What the cluster is called here.", show_default="the context"),
]
Audience = Annotated[
    str | None,
    typer.Option(help="Audience of the tokens.", show_default="registry"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan, and do nothing.")]

_unfit = re.compile(r"[^a-z0-9_@-]+").sub


def connect(
    ctx: typer.Context,
    *,
    registry: Registry,
    allow: Annotated[
        list[str],
        typer.Option(help="NAMESPACE[/SERVICEACCOUNT]=ROLE:PATTERN; may be repeated."),
    ],
    context: KubeContext = "",
    name: Name = None,
    audience: Audience = None,
    ca: Annotated[
        Path | None,
        typer.Option(help="File with the CA of the registry.", show_default="those of the nodes"),
    ] = None,
    node_files: Annotated[
        Path | None, typer.Option(help="Folder to write what nodes need to.")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Let the pods of a cluster pull as their service accounts; takes an admin here and there.

    The plan is shown first. Say it again after any change: what is so already stays, and
    permissions that are no longer named go.

    Examples: `entrepot kube connect --context prod --registry registry.example.com
    --allow 'team-a=reader:team/*' --allow '*=reader:base/*' --node-files ./nodes`,
    `entrepot kube connect --context prod --registry registry.example.com
    --allow 'team-a/builder=writer:team/*' --dry-run`
    """
    host, kubectl = parse_host(registry, "--registry"), Kubectl(context)
    with _failures_told():
        allowed = [Permission.parse(each) for each in allow]
        cluster = Cluster.found(kubectl, _called(name, context), audience or host, allowed)
        steps = connecting.connect(cluster, api_of(ctx), kubectl)
        _perform(steps, dry_run=dry_run, yes=yes, as_json=as_json)
    if node_files is not None and not dry_run:
        text = read_ca(ca) if ca else None
        _write(NodeFiles(host, audience or host, text), node_files, as_json=as_json)


def disconnect(
    ctx: typer.Context,
    *,
    registry: Registry,
    context: KubeContext = "",
    name: Name = None,
    audience: Audience = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take back all that `connect` made, here and in the cluster; the nodes keep their files.

    Example: `entrepot kube disconnect --context prod --registry registry.example.com`
    """
    host, kubectl = parse_host(registry, "--registry"), Kubectl(context)
    with _failures_told():
        cluster = Cluster.found(kubectl, _called(name, context), audience or host)
        steps = connecting.disconnect(cluster, api_of(ctx), kubectl)
        _perform(steps, dry_run=dry_run, yes=yes, as_json=as_json)


def _called(name: str | None, context: str) -> str:
    """A name that rules can bear."""
    found = _unfit("-", (name or context or "cluster").lower()).strip("-_@")[:64]
    return found or fail("give the cluster a --name of a-z, 0-9 and -")


@contextmanager
def _failures_told() -> Iterator[None]:
    """End the command where a cluster, or what was said of it, is not as it should be."""
    try:
        yield
    except KeyError as error:
        fail(f"the cluster says no {error}", 1)
    except (ValueError, ConnectError, KubectlError) as error:
        fail(str(error), 1)


def _perform(steps: list[Step], *, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Show the plan, ask, and do it."""
    if as_json:
        show_json([_document(each) for each in steps])
    else:
        for each in steps:
            typer.echo(f"{each.sign} {each.where:<8} {each.what}")
    ahead = [each for each in steps if each.sign is not Sign.SAME]
    if dry_run or not ahead:
        if not as_json and not ahead:
            typer.echo("all is so already")
        return
    confirm("do that?", yes=yes)
    for each in ahead:
        each.do()
    if not as_json:
        typer.echo(f"done: {len(ahead)} changes")


def _document(step: Step) -> dict[str, Any]:
    return {"do": step.sign.name.lower(), "where": step.where, "what": step.what}


def _write(files: NodeFiles, folder: Path, *, as_json: bool) -> None:
    try:
        provider_config.write(files.files(), folder)
    except OSError as error:
        fail(f"cannot write to {folder}: {error.strerror}", 1)
    if not as_json:
        typer.echo(f"what the nodes need is in {folder}: its README says where it goes")
