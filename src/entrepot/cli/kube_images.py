"""`entrepot kube images`, `clusters` and `forget`: what runs in the clusters that report it."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, Yes, confirm, fail
from entrepot.cli.output import Columns, Row, done, show_list, when

_DIGITS = 12


def _digest(row: Row) -> str:
    algorithm, _, digits = row["digest"].partition(":")
    return f"{algorithm}:{digits[:_DIGITS]}" if digits else ""


def _marks(row: Row) -> list[str]:
    newer = {"newer": f"newer: {row['newer']}"}
    state = [row["state"]] if row["state"] == "waiting" else []
    past = ["gone"] if row["kept_until"] else []
    return [newer.get(mark, mark) for mark in row["marks"]] + state + past


COLUMNS: Columns = {
    "cluster": "cluster",
    "namespace": "namespace",
    "workload": lambda row: f"{row['kind']}/{row['workload']}",
    "container": "container",
    "image": "image",
    "digest": _digest,
    "marks": _marks,
}

CLUSTERS: Columns = {
    "name": "name",
    "images": "images",
    "reported": when("seen_at"),
    "by": "reported_by",
}

_ORDER = ("cluster", "namespace", "kind", "workload", "container", "image", "digest")


def images(
    ctx: typer.Context,
    *,
    cluster: Annotated[str, typer.Option(help="Only of this cluster.")] = "",
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Only of this one.")] = "",
    repo: Annotated[str, typer.Option(help="Only of this repository.")] = "",
    marks: Annotated[
        str, typer.Option(help="Only with one of these: missing,unpinned,foreign,newer,rollback.")
    ] = "",
    past: Annotated[
        bool, typer.Option("--past", help="Also what ran of late, and is kept still.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the images that the workloads of connected clusters have.

    Marks say what to look at: missing here, so that a pod that starts elsewhere does not get it;
    unpinned, a tag without a digest; foreign, from another registry; newer, with the tag to take
    instead; rollback, what only that would need. Nothing marked fails the command.

    Examples: `entrepot kube images`, `entrepot kube images --cluster prod -n team-a`,
    `entrepot kube images --marks missing,newer --json`
    """
    chosen = _parse(marks)
    wanted: dict[str, Any] = {"cluster": cluster, "namespace": namespace, "repository": repo}
    found = connect(ctx).every("/images", **wanted, past="true" if past else "")
    rows = [row for row in found if not chosen or chosen & set(row["marks"])]
    rows.sort(key=lambda row: [row[name] for name in _ORDER])
    show_list(rows, COLUMNS, as_json=as_json)


def _parse(text: str) -> set[str]:
    from entrepot.upkeep.marks import Mark

    found = {each.strip() for each in text.split(",") if each.strip()}
    if unknown := sorted(found - set(Mark)):
        fail(f"--marks has {', '.join(unknown)}: use {', '.join(Mark)}")
    return found


def clusters(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the clusters that report what runs in them, and when they did last.

    Example: `entrepot kube clusters --json`
    """
    show_list(connect(ctx).get("/clusters")["items"], CLUSTERS, as_json=as_json)


def forget(
    ctx: typer.Context,
    cluster: Annotated[str, typer.Argument(help="Its name, as the list shows it.")],
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Forget a cluster that is no more: what ran there is not kept for it any longer.

    One that still reports is there again a moment later.

    Example: `entrepot kube forget old-prod --yes`
    """
    client = connect(ctx)
    known = {each["name"]: each["images"] for each in client.get("/clusters")["items"]}
    if cluster not in known:
        fail(f"there is no cluster {cluster!r}: entrepot kube clusters lists them", 1)
    many = known[cluster]
    confirm(f"forget the cluster {cluster}, and keep its {many} images no longer?", yes=yes)
    client.delete(f"/clusters/{cluster}")
    done(f"cluster {cluster} is forgotten", {"name": cluster, "images": many}, as_json=as_json)
