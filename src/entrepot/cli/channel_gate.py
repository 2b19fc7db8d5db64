"""`entrepot channel gate`: what a version must have before it comes into a channel."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.duration import parse_duration, show_duration
from entrepot.cli.options import Json, fail
from entrepot.cli.output import done

Scope = Annotated[str, typer.Argument(help="A project, such as team, or a repository, team/app.")]
Channel = Annotated[str, typer.Argument(help="The channel, such as prod.")]

_BARE = {"role": "maintainer", "approver_role": "maintainer", "keep": 3}


def gate(
    ctx: typer.Context,
    scope: Scope,
    channel: Channel,
    *,
    role: Annotated[
        str | None, typer.Option(help="Who promotes and rolls back: writer, maintainer, owner.")
    ] = None,
    approvals: Annotated[
        int | None, typer.Option(help="By so many people, none of whom pushed it.")
    ] = None,
    approver_role: Annotated[
        str | None, typer.Option(help="Who approves: reader, writer, maintainer, owner.")
    ] = None,
    report: Annotated[
        list[str] | None, typer.Option(help="A test that must have passed; may be repeated.")
    ] = None,
    artifact: Annotated[
        list[str] | None,
        typer.Option(help="A type of artifact that must be attached; may be repeated."),
    ] = None,
    signed_by: Annotated[
        list[str] | None, typer.Option(help="A signer who must have signed it; may be repeated.")
    ] = None,
    soak: Annotated[
        str | None, typer.Option(help="How long it must have been in the channel before: 24h.")
    ] = None,
    window: Annotated[
        list[str] | None,
        typer.Option(help="When it is open: 'mon-fri 09:00-16:00 Europe/Berlin'."),
    ] = None,
    only_forward: Annotated[
        bool | None, typer.Option(help="Only to newer versions; back by a rollback.")
    ] = None,
    skip: Annotated[
        bool | None, typer.Option(help="Also what was not in the channel before.")
    ] = None,
    keep: Annotated[
        int | None, typer.Option(help="How many earlier versions are kept for a rollback.")
    ] = None,
    no: Annotated[
        list[str] | None,
        typer.Option(help="Ask for this no more: approvals, report, window, …; or for all."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Set what a version must have to come into a channel. What is not given stays as it is.

    Examples: `entrepot channel gate team prod --approvals 2 --approver-role maintainer --soak 24h`,
    `entrepot channel gate team/app prod --report tests --signed-by release --only-forward`,
    `entrepot channel gate team prod --window 'mon-fri 09:00-16:00 Europe/Berlin'`,
    `entrepot channel gate team dev --role writer`, `entrepot channel gate team prod --no window`
    """
    given = {
        "role": role,
        "approvals": approvals,
        "approver_role": approver_role,
        "reports": report,
        "artifacts": artifact,
        "signed_by": signed_by,
        "soak": parse_duration(soak, "--soak") if soak else None,
        "windows": window,
        "only_forward": only_forward,
        "skip": skip,
        "keep": keep,
    }
    wanted: dict[str, Any] = {
        name: value for name, value in given.items() if value not in (None, [])
    }
    wanted |= dict.fromkeys(_taken_away(no or [], list(given)))
    if not wanted:
        fail("say what it asks for, such as --approvals 2")
    where = {"scope": scope, "channel": channel}
    made = connect(ctx).call("PATCH", "/channels/gates", params=where, json=wanted)
    done(f"{scope} {channel} asks for {words(made['gates'])}", made, as_json=as_json)


def _taken_away(names: list[str], known: list[str]) -> list[str]:
    """The fields that --no means, which are called as the options are."""
    found = []
    for name in names:
        plain = name.replace("-", "_")
        meant = next((each for each in known if plain in (each, each.removesuffix("s"))), None)
        if name == "all":
            return known
        if meant is None:
            fail(f"--no is {name!r}: write one of {', '.join(map(_option, known))}, or all")
        found.append(meant)
    return found


def _option(field: str) -> str:
    return {"reports": "report", "artifacts": "artifact", "windows": "window"}.get(
        field, field.replace("_", "-")
    )


def words(gates: Mapping[str, Any]) -> str:
    """Gates in a line, as the options are called; only what is not so by itself."""
    said = []
    for field, value in gates.items():
        if value == _BARE.get(field) or value in (None, [], 0, False):
            continue
        for each in value if isinstance(value, list) else [value]:
            text = show_duration(each) if field == "soak" else "" if each is True else str(each)
            said.append(f"{_option(field)} {text}".rstrip())
    return ", ".join(said) or "nothing but a maintainer"
