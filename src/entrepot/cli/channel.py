"""`entrepot channel`: which channels there are, what is in them, and freezes of them."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from entrepot.cli import channel_gate
from entrepot.cli.client import connect
from entrepot.cli.duration import is_duration, parse_duration
from entrepot.cli.options import Json, Yes, confirm, fail
from entrepot.cli.output import Columns, done, show_list, when
from entrepot.cli.repository import Name

app = typer.Typer(
    no_args_is_help=True,
    help="Channels: tags such as test and prod that only a promotion moves.",
)
app.command("gate")(channel_gate.gate)

Scope = channel_gate.Scope
Channel = channel_gate.Channel

COLUMNS: Columns = {
    "channel": "name",
    "version": lambda row: row["here"] and row["here"]["version"],
    "since": lambda row: when("since")(row["here"] or {}),
    "by": lambda row: row["here"] and row["here"]["by"],
    "kept": lambda row: [each["version"] for each in row["kept"]],
    "frozen": lambda row: bool(row["frozen"]),
    "asks for": lambda row: channel_gate.words(row["gates"]),
    "set for": "scope",
}
HISTORY: Columns = {
    "channel": "channel",
    "version": "version",
    "from": when("since"),
    "to": when("until"),
    "by": "by",
    "then": "ended",
    "kept": "kept",
    "why": "reason",
}


@app.command("list")
def list_channels(ctx: typer.Context, scope: Scope, *, as_json: Json = False) -> None:
    """List the channels in their order: what is in each, what it keeps, what it asks for.

    Examples: `entrepot channel list team/app`, `entrepot channel list team --json`
    """
    show_list(connect(ctx).get("/channels", scope=scope)["items"], COLUMNS, as_json=as_json)


@app.command("set")
def set_channels(
    ctx: typer.Context,
    scope: Scope,
    names: Annotated[
        list[str] | None, typer.Argument(help="The channels, in their order: dev test prod.")
    ] = None,
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Set the channels of a project, or of a repository, which then has its own instead.

    Tags of these names move by a promotion alone from then on. Channels that were there keep what
    they ask for; those that are left out become tags again, and forget it. With no names there are
    none, and a repository has its project's.

    Examples: `entrepot channel set team dev test prod`, `entrepot channel set team/app dev prod`
    """
    client = connect(ctx)
    wanted = names or []
    there = client.get("/channels", scope=scope)["items"]
    gone = [each["name"] for each in there if each["scope"] == scope]
    if gone := [name for name in gone if name not in wanted]:
        confirm(f"make {', '.join(gone)} of {scope} tags again, with no gates?", yes=yes)
    body = {"channels": wanted}
    made = client.call("PUT", "/channels", params={"scope": scope}, json=body)["items"]
    told = " → ".join(each["name"] for each in made) or "none"
    done(f"channels of {scope}: {told}", made, as_json=as_json)


@app.command()
def freeze(
    ctx: typer.Context,
    scope: Scope,
    channel: Channel,
    *,
    until: Annotated[
        str, typer.Option(help="Until when: 2026-12-27, 2026-12-27T08:00+01:00, or 3d from now.")
    ] = "",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: Json = False,
) -> None:
    """Let nothing be promoted into a channel for a while. A rollback goes through.

    Examples: `entrepot channel freeze team prod --until 2026-12-27 --reason holidays`,
    `entrepot channel freeze team/app prod --until 2h --reason 'we are looking into it'`
    """
    moment = _until(until).isoformat() if until else None
    made = connect(ctx).call(
        "PUT",
        "/channels/freeze",
        params={"scope": scope, "channel": channel},
        json={"until": moment, "reason": reason},
    )
    end = when("until")(made) if made["until"] else "it is thawed"
    done(f"{scope} {channel} is frozen until {end}", made, as_json=as_json)


def _until(text: str) -> datetime:
    """A moment, in UTC where it names no zone."""
    if is_duration(text):
        return datetime.now(UTC) + timedelta(seconds=parse_duration(text, "--until"))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--until is {text!r}: write 2026-12-27, 2026-12-27T08:00+01:00 or 3d")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@app.command()
def thaw(ctx: typer.Context, scope: Scope, channel: Channel, *, as_json: Json = False) -> None:
    """End a freeze.

    Example: `entrepot channel thaw team prod`
    """
    where = {"scope": scope, "channel": channel}
    connect(ctx).call("DELETE", "/channels/freeze", params=where)
    done(f"{scope} {channel} is open again", where, as_json=as_json)


@app.command()
def history(
    ctx: typer.Context,
    repository: Name,
    *,
    channel: Annotated[str, typer.Option(help="Only of this channel.")] = "",
    as_json: Json = False,
) -> None:
    """List what was in the channels and is, the newest first; who brought it, and why.

    Examples: `entrepot channel history team/app`, `entrepot channel history team/app --channel
    prod --json`
    """
    rows = connect(ctx).every("/promotions", repository=repository, channel=channel)
    show_list(rows, HISTORY, as_json=as_json)
