"""`entrepot kube set-image`: a workload is brought to a version; and back, if it does not start."""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrepot.cli.client import Client
from entrepot.cli.client import connect as api_of
from entrepot.cli.duration import parse_duration
from entrepot.cli.hosts import parse_host
from entrepot.cli.kube_connect import DryRun, KubeContext
from entrepot.cli.kube_doctor import trusting
from entrepot.cli.options import Json, fail
from entrepot.cli.output import show_json
from entrepot.cli.progress import following
from entrepot.kube.kubectl import Kubectl, KubectlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from entrepot.kube.rollout.attempt import Outcome
    from entrepot.kube.rollout.change import Change, Version
    from entrepot.kube.rollout.plan import Wish
    from entrepot.kube.rollout.rollout import Limits

_STATUS = {"done": 0, "same": 0, "undone": 1, "failed": 3, "replaced": 3, "stuck": 3}


def set_image(
    ctx: typer.Context,
    target: Annotated[
        str, typer.Argument(help="A Deployment's NAME, statefulset/NAME or daemonset/NAME.")
    ],
    *,
    version: Annotated[
        str, typer.Option(help="A range such as ~1.4, an exact one, 'latest stable', a channel.")
    ],
    namespace: Annotated[
        str,
        typer.Option("--namespace", "-n", help="Where it is.", show_default="the context's"),
    ] = "",
    context: KubeContext = "",
    container: Annotated[
        list[str] | None,
        typer.Option(
            help="Whose image; may be repeated.", show_default="the one of the repository"
        ),
    ] = None,
    repository: Annotated[
        str,
        typer.Option(help="Where the version is from.", show_default="that of the present image"),
    ] = "",
    variant: Annotated[
        str | None,
        typer.Option(help="Pattern of it, as alpine*.", show_default="the one without"),
    ] = None,
    registry: Annotated[
        str,
        typer.Option(
            help="HOST[:PORT] that the image is to begin with.",
            show_default="that of the present image, or of the login",
        ),
    ] = "",
    tag_only: Annotated[
        bool, typer.Option("--tag-only", help="Write the tag without the digest.")
    ] = False,
    timeout: Annotated[str, typer.Option(help="How long it may take: 90s, 5m.")] = "5m",
    patience: Annotated[
        str, typer.Option(help="How long a container may fail to start before that counts.")
    ] = "30s",
    no_undo: Annotated[
        bool, typer.Option("--no-undo", help="Leave a version that does not start as it is.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Bring a workload to the newest version of a range, and wait until it serves.

    Where it does not start, what ran before is set again, and the reason is told. Ends with 0 where
    the version runs, 1 where all is as before, also where nothing was begun, 2 where the command is
    not understood, 3 where it was left as it is, or the way back failed too.

    Examples: `entrepot kube set-image web --version '~1.4' -n shop`,
    `entrepot kube set-image statefulset/db --version 2.1.0 --container db --timeout 10m`,
    `entrepot kube set-image web --version 'latest stable' --repository team/app --dry-run`
    """
    from entrepot.kube.rollout.plan import Wish
    from entrepot.kube.rollout.rollout import Limits

    limits = Limits(parse_duration(timeout, "--timeout"), parse_duration(patience, "--patience"))
    named = parse_host(registry, "--registry") if registry else ""
    api, kubectl = api_of(ctx), Kubectl(context)
    wish = Wish(version, _host(api), tuple(container or ()), repository, named, tag_only)
    change = _planned(kubectl, target, namespace, wish, partial(_resolved, api, variant))
    if dry_run:
        _show(change, None, as_json=as_json)
        return
    outcome = _attempted(kubectl, change, limits, undo=not no_undo)
    _show(change, outcome, as_json=as_json)
    raise typer.Exit(_STATUS[outcome.end])


def _host(api: Client) -> str:
    return api.where.url.partition("://")[2]


def _resolved(api: Client, variant: str | None, repository: str, text: str) -> "Version":
    from entrepot.kube.rollout.change import Version

    given = {"repository": repository, "version": text}
    if variant is not None:
        given["variant"] = variant
    found = api.call("GET", "/versions/resolve", params=given)
    return Version(repository, found["tag"], found["digest"])


def _planned(
    kubectl: Kubectl,
    target: str,
    namespace: str,
    wish: "Wish",
    resolve: "Callable[[str, str], Version]",
) -> "Change":
    from entrepot.kube.rollout.plan import parse_target, plan
    from entrepot.kube.rollout.spot import PlanError

    try:
        kind, name = parse_target(target)
    except PlanError as error:
        fail(str(error))
    try:
        workload = kubectl.get(kind, name, namespace)
        if workload is None:
            where = f"namespace {namespace}" if namespace else "your namespace"
            fail(f"there is no {kind} {name} in {where}", 1)
        return plan(workload, wish, resolve)
    except (PlanError, KubectlError) as error:
        fail(str(error), 1)


def _attempted(kubectl: Kubectl, change: "Change", limits: "Limits", *, undo: bool) -> "Outcome":
    from entrepot.kube.rollout.attempt import attempt
    from entrepot.kube.rollout.rollout import Rollout
    from entrepot.kube.rollout.why import explain

    why = partial(explain, kubectl, change, trust=trusting(None, None))
    try:
        with following(f"{change.workload} in {change.namespace}") as follow:
            return attempt(
                Rollout(kubectl, change, limits),
                lambda seen: follow(str(seen), seen.ready, seen.progress.wanted),
                why,
                undo=undo,
            )
    except KubectlError as error:
        fail(f"nothing is changed: {error}", 1)
    except KeyboardInterrupt:
        where = f"{change.workload} --namespace {change.namespace}"
        fail(f"the rollout goes on there; to take it back: kubectl rollout undo {where}", 130)


_ENDS = {
    "planned": "{workload} in {namespace} is to get {images}",
    "done": "{workload} in {namespace} runs {images}",
    "same": "{workload} in {namespace} runs {images} already",
    "undone": "{images} does not start; {workload} in {namespace} runs what it ran before",
    "failed": "{images} does not start, and {workload} in {namespace} is left so",
    "replaced": "{workload} in {namespace} is not at {images}",
    "stuck": "{images} does not start, and {workload} in {namespace} does not come back: {back}",
}


def _show(change: "Change", outcome: "Outcome | None", *, as_json: bool) -> None:
    """What was done, or would be, and why not."""
    end = str(outcome.end) if outcome else "planned"
    why, back = (outcome.why, outcome.back) if outcome else (None, "")
    if as_json:
        said = {"outcome": end, "why": why and why.document(), "back": back or None}
        show_json(_document(change) | said)
        return
    images = ", ".join(dict.fromkeys(each.image for each in change.wanted))
    place = {"workload": change.workload, "namespace": change.namespace}
    typer.echo(_ENDS[end].format(images=images, back=back, **place))
    for name, text in why.lines() if why else ():
        typer.echo(f"  {name:<6} {text}")


def _document(change: "Change") -> dict[str, Any]:
    containers = [
        {
            "container": each.spot.container,
            "from": each.spot.written,
            "image": each.image,
            "changes": not each.is_so,
        }
        for each in change.wanted
    ]
    return {
        "workload": change.workload,
        "namespace": change.namespace,
        "containers": containers,
    }
