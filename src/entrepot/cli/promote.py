"""`entrepot promote`, `rollback`, `approve`: versions on their way into a channel, and back."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import Client, connect
from entrepot.cli.options import Json, Yes, confirm, fail
from entrepot.cli.output import Columns, done, show_json, show_list, when
from entrepot.cli.repository import Name

CHECKS: Columns = {
    "gate": "gate",
    "passed": "passed",
    "says": "says",
    "how to get it": "how",
}
APPROVALS: Columns = {
    "channel": "to",
    "by": "by",
    "at": when("at"),
    "comment": "comment",
    "digest": "digest",
}

Version = Annotated[
    str, typer.Argument(help="A tag, a digest, or a channel for what is in that one.")
]
To = Annotated[str, typer.Option("--to", help="The channel, such as prod.")]
Reason = Annotated[str, typer.Option(help="Why.")]


def promote(
    ctx: typer.Context,
    repository: Name,
    version: Version,
    *,
    to: To,
    reason: Reason = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say how it stands at each gate.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Promote a version into a channel, where all of its gates let it.

    Where some do not, each says what is missing and how to get it. Where somebody else has moved
    the channel meanwhile, it is told who, and nothing is done.

    Examples: `entrepot promote team/app 1.4.2 --to prod --reason 'fixes the login'`,
    `entrepot promote team/app test --to prod`,
    `entrepot promote team/app 1.4.2 --to prod --dry-run`
    """
    client = connect(ctx)
    stands = _stands(client, repository, version, to)
    if dry_run:
        _show_stands(stands, as_json=as_json)
        return
    here = stands["here"]
    body = {"repository": repository, "version": version, "to": to, "reason": reason}
    body["expected"] = here["digest"] if here else ""
    made = client.post("/promotions", body)
    now, before = made["here"], made["before"]
    if not made["moved"]:
        done(f"{now['version']} is in {to} already", made, as_json=as_json)
        return
    instead = f", in place of {before['version']}" if before else ""
    done(f"{now['version']} is in {to} of {repository}{instead}", made, as_json=as_json)


def _stands(client: Client, repository: str, version: str, to: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(
        "/promotions/plan", repository=repository, version=version, to=to
    )
    return found


def _show_stands(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    show_list(found["checks"], CHECKS, as_json=False)
    here = found["here"]
    what = "could come" if found["passed"] else "cannot come"
    instead = f", in place of {here['version']}" if here else ""
    typer.echo(f"{found['version']} {what} into {found['to']} now{instead}")


def rollback(
    ctx: typer.Context,
    repository: Name,
    *,
    channel: Annotated[str, typer.Option(help="The channel, such as prod.")],
    to: Annotated[
        str, typer.Option(help="A version that was in it.", show_default="the last good one")
    ] = "",
    reason: Reason = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take a channel back to the last good version, and mark the one that is left as bad.

    It takes the role that the channel asks for and nothing else: it goes through in a freeze, and
    at night. What is bad is promoted nowhere until a maintainer frees it: `entrepot bad free`.

    Examples: `entrepot rollback team/app --channel prod --reason 'logins fail' --yes`,
    `entrepot rollback team/app --channel prod --to 1.4.0`
    """
    client = connect(ctx)
    channels = client.get("/channels", scope=repository)["items"]
    there = next((each for each in channels if each["name"] == channel), None)
    if there is None or there["here"] is None:
        fail(f"nothing is in {channel} of {repository}: entrepot channel list {repository}", 1)
    left = there["here"]
    target = to or (there["kept"][0]["version"] if there["kept"] else "the last good version")
    question = f"take {channel} of {repository} from {left['version']} back to {target}, "
    confirm(f"{question}and mark {left['version']} as bad?", yes=yes)
    body = {"repository": repository, "channel": channel, "to": to, "reason": reason}
    made = client.post("/promotions/rollback", {**body, "expected": left["digest"]})
    said = f"{channel} of {repository} is at {made['here']['version']} again"
    done(f"{said}; {made['left']['version']} is marked as bad", made, as_json=as_json)


def approve(
    ctx: typer.Context,
    repository: Name,
    version: Version,
    *,
    to: Annotated[str, typer.Option("--to", help="The channel, such as prod.")] = "",
    comment: Annotated[str, typer.Option(help="What to say of it.")] = "",
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take your own approval back.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="Only list who approved.")] = False,
    as_json: Json = False,
) -> None:
    """Say that a version may come into a channel. It is of the digest: a moved tag needs another.

    Examples: `entrepot approve team/app 1.4.2 --to prod --comment 'tested by hand'`,
    `entrepot approve team/app 1.4.2 --to prod --withdraw`,
    `entrepot approve team/app 1.4.2 --list --json`
    """
    client = connect(ctx)
    which = {"repository": repository, "version": version}
    if show:
        show_list(client.get("/approvals", **which)["items"], APPROVALS, as_json=as_json)
        return
    if not to:
        fail("say for which channel: --to prod")
    if withdraw:
        client.call("DELETE", "/approvals", params={**which, "to": to})
        done(f"{version} is approved for {to} by you no more", {**which, "to": to}, as_json=as_json)
        return
    made = client.post("/approvals", {**which, "to": to, "comment": comment})
    done(f"{version} is approved for {to} by {made['by']}", made, as_json=as_json)
