"""`entrepot replication`: rules by which images are copied to other registries, and from them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.duration import parse_duration, show_duration
from entrepot.cli.options import Json, Yes, confirm, fail, read_text
from entrepot.cli.output import Columns, Row, done, show_list, show_one, when
from entrepot.cli.password import FromStdin
from entrepot.cli.registry_login import Ecr, Google, read_login
from entrepot.cli.replication_wait import wait_for
from entrepot.cli.size import parse_size, show_size

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

Name = Annotated[str, typer.Argument(help="The rule's name, such as office.")]


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


@app.command()
def add(
    ctx: typer.Context,
    name: Name,
    url: Annotated[str, typer.Argument(help="The other registry: https://HOST[:PORT].")],
    pattern: Annotated[
        str, typer.Argument(help="Repositories, by their names at the source: team/*, team/app, *.")
    ],
    *,
    pull: Annotated[bool, typer.Option("--pull", help="Copy from there, not to there.")] = False,
    target: Annotated[
        str | None, typer.Option(help="What comes before the names at the other end.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only such tags: v*, latest; may be repeated.")
    ] = None,
    versions: Annotated[str | None, typer.Option(help="Only such versions: ^1.2, '>=2'.")] = None,
    referrers: Annotated[
        bool, typer.Option(help="Copy signatures and the like with their images.")
    ] = True,
    deletions: Annotated[
        bool, typer.Option("--deletions", help="Delete what was copied where the source does.")
    ] = False,
    rate: Annotated[str | None, typer.Option(help="At most so many bytes a second: 10MiB.")] = None,
    every: Annotated[
        str | None, typer.Option(help="How often all is compared: 24h; 5m where it pulls.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Who logs in there.")] = None,
    password_stdin: FromStdin = False,
    ca: Annotated[Path | None, typer.Option(help="File with its private CA, in PEM.")] = None,
    ecr: Ecr = False,
    google: Google = False,
    as_json: Json = False,
) -> None:
    """Have images copied from now on: first what is there, then each change as it comes.

    Examples: `entrepot replication add office https://registry.office.example 'team/*' --user bot
    --password-stdin < password`,
    `entrepot replication add base https://quay.io prometheus/prometheus --pull --versions '>=3'
    --target mirror`,
    `entrepot replication add far https://far.example '*' --deletions --rate 10MiB`,
    `entrepot replication add gar https://europe-docker.pkg.dev 'team/*' --target my-project/images
    --google --password-stdin < key.json`
    """
    wanted: dict[str, Any] = {
        "name": name,
        "url": url,
        "pattern": pattern,
        "direction": "pull" if pull else "push",
        "target": target,
        "tags": tag,
        "versions": versions,
        "referrers": referrers,
        "deletions": deletions,
        "rate": parse_size(rate, "--rate") if rate else None,
        "every": None if every is None else parse_duration(every, "--every"),
        "login": user,
        "ca": None if ca is None else read_text(ca),
    }
    wanted |= read_login(url, user, stdin=password_stdin, ecr=ecr, google=google)
    given = {key: value for key, value in wanted.items() if value is not None}
    made = connect(ctx).post("/replications", given)
    way = "from" if pull else "to"
    done(f"{pattern} is copied {way} {made['url']} from now on", made, as_json=as_json)


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
