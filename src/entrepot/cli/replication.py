"""`entrepot replication`: rules by which images are copied to other registries, and from them."""

from typing import Annotated

import typer

from entrepot.cli.client import connect
from entrepot.cli.duration import show_duration
from entrepot.cli.options import Json, Yes, confirm, fail
from entrepot.cli.output import Columns, Row, done, show_list, show_one, when
from entrepot.cli.replication_rule import Name, add, set_replication
from entrepot.cli.replication_wait import wait_for
from entrepot.cli.size import show_size

app = typer.Typer(
    no_args_is_help=True,
    help="Replication: the same images here and in another registry, kept so all the time.",
)


_DAY = 24 * 3600.0


def _lag(row: Row) -> str:
    return f"{row['lag']:.0f}s"


def _state(row: Row) -> str:
    if row["paused"]:
        return "paused"
    if row["error"]:
        return "trouble"
    return "copying" if row["waiting"] or not row["compared_at"] else "in step"


def _hears(row: Row) -> str:
    """How soon it knows of them."""
    followed = row["follows"] or row["direction"] == "push"
    return "at once" if followed else f"each {show_duration(row['every'])}"


def _every(row: Row) -> float:
    """What tells of its changes is compared once a day at most."""
    every: float = row["every"]
    return max(every, _DAY) if row["follows"] else every


COLUMNS: Columns = {
    "name": "name",
    "direction": "direction",
    "registry": "url",
    "repositories": "pattern",
    "state": _state,
    "lag": _lag,
    "waiting": "waiting",
    "conflicts": "conflicts",
}
ALL: Columns = {
    **COLUMNS,
    "failing": "failing",
    "done": "done",
    "trouble": "error",
    "compared": when("compared_at"),
    "hears of changes": _hears,
    "compared every": lambda row: show_duration(_every(row)),
    "under": "target",
    "tags": "tags",
    "versions": "versions",
    "referrers": "referrers",
    "deletions": "deletions",
    "bytes a second": lambda row: show_size(row["rate"]),
    "as": "login",
    "logs in by": "kind",
    "own CA": lambda row: bool(row["ca"]),
    "made": when("created_at"),
    "by": "created_by",
}
TAGS: Columns = {
    "repository": "repository",
    "tag": "tag",
    "state": "state",
    "since": when("since"),
    "attempts": "attempts",
    "why": "error",
}


@app.command("list")
def list_replications(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List rules, and how they stand.

    Examples: `entrepot replication list`, `entrepot replication list --json`
    """
    show_list(connect(ctx).every("/replications"), COLUMNS, as_json=as_json)


@app.command()
def show(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Show a rule: how far behind it is, what is missing, and why.

    Example: `entrepot replication show office`
    """
    show_one(connect(ctx).get(f"/replications/{name}"), ALL, as_json=as_json)


@app.command()
def tags(
    ctx: typer.Context,
    name: Name,
    *,
    state: Annotated[
        str | None, typer.Option(help="Only those that stand so: waiting, done, conflict.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what a rule copies, tag by tag.

    Examples: `entrepot replication tags office --state waiting`,
    `entrepot replication tags office --state conflict --json`
    """
    query = {} if state is None else {"state": state}
    show_list(connect(ctx).every(f"/replications/{name}/tags", **query), TAGS, as_json=as_json)


app.command()(add)
app.command("set")(set_replication)


@app.command()
def run(
    ctx: typer.Context,
    name: Name,
    *,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Until all is copied; ends with 1 where it is not."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare everything now, and try again at once what failed.

    Examples: `entrepot replication run office`, `entrepot replication run office --wait`
    """
    client = connect(ctx)
    before = client.get(f"/replications/{name}") if wait else {}
    found = client.post(f"/replications/{name}/run", {})
    if not wait:
        done(f"replication {name} compares everything", found, as_json=as_json)
        return
    found = wait_for(client, name, before["compared_at"])
    if found["paused"] or found["waiting"] or found["error"]:
        fail(f"replication {name} is not in step: {_why(found)}", 1)
    done(f"replication {name} is in step: {found['done']} tags", found, as_json=as_json)


def _why(row: Row) -> str:
    if row["paused"]:
        return "it is paused"
    return f"{row['waiting']} tags wait; {row['error'] or 'it is not compared'}"


@app.command()
def pause(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Copy nothing by a rule until it is to go on; changes are not lost meanwhile.

    Example: `entrepot replication pause office`
    """
    changed = connect(ctx).patch(f"/replications/{name}", {"paused": True})
    done(f"replication {name} is paused", changed, as_json=as_json)


@app.command()
def resume(ctx: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Let a rule go on.

    Example: `entrepot replication resume office`
    """
    changed = connect(ctx).patch(f"/replications/{name}", {"paused": False})
    done(f"replication {name} goes on", changed, as_json=as_json)


@app.command()
def remove(ctx: typer.Context, name: Name, *, yes: Yes = False, as_json: Json = False) -> None:
    """Copy nothing by a rule any more; what it copied stays.

    Example: `entrepot replication remove office --yes`
    """
    confirm(f"copy nothing by {name} any more?", yes=yes)
    connect(ctx).delete(f"/replications/{name}")
    done(f"replication {name} is removed", {"name": name}, as_json=as_json)
