"""`entrepot webhook`: who is told of what happens to repositories."""

import sys
from typing import Annotated, Any

import typer

from entrepot.cli import webhook_log
from entrepot.cli.client import connect
from entrepot.cli.duration import parse_duration
from entrepot.cli.options import Json, Yes, confirm, fail
from entrepot.cli.output import Columns, done, show_json, show_list, show_one, when
from entrepot.cli.webhook_log import Id

app = typer.Typer(
    no_args_is_help=True, help="Webhooks: who is told of what happens to repositories."
)
app.command("test")(webhook_log.probe)
app.command("log")(webhook_log.log)
app.command("replay")(webhook_log.replay)

COLUMNS: Columns = {
    "id": "id",
    "repositories": "pattern",
    "url": "url",
    "format": "format",
    "events": "events",
    "paused": "paused",
    "about": "about",
    "trouble": "trouble",
}
DETAILS: Columns = {
    **COLUMNS,
    "why paused": "why_paused",
    "two secrets until": when("signs_twice_until"),
    "made": when("created_at"),
    "by": "created_by",
}

SecretStdin = Annotated[
    bool, typer.Option("--secret-stdin", help="Read the secret that signs from standard input.")
]


@app.command("list")
def list_webhooks(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the webhooks that you may see: of projects that you maintain; admins see all.

    Example: `entrepot webhook list --json`
    """
    show_list(connect(ctx).every("/webhooks"), COLUMNS, as_json=as_json)


@app.command()
def show(ctx: typer.Context, webhook: Id, *, as_json: Json = False) -> None:
    """Show a webhook.

    Example: `entrepot webhook show 1f0c9a2b`
    """
    show_one(connect(ctx).get(f"/webhooks/{webhook}"), DETAILS, as_json=as_json)


@app.command()
def add(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(help="Where to send: https://HOST/PATH.")],
    *,
    project: Annotated[
        str | None, typer.Option(help="Of the repositories of this project.")
    ] = None,
    repositories: Annotated[
        str | None, typer.Option(help="Of these: team/app-*, team/app; * for all, by an admin.")
    ] = None,
    events: Annotated[
        str, typer.Option(help="With commas between: pushed,tagged.", show_default="all")
    ] = "",
    how: Annotated[
        str, typer.Option("--format", help="cloudevents, docker or slack.")
    ] = "cloudevents",
    about: Annotated[str, typer.Option(help="What it is for.")] = "",
    secret_stdin: SecretStdin = False,
    as_json: Json = False,
) -> None:
    """Have a receiver told of changes from now on, and show the secret that signs messages.

    Events are pushed, tagged, untagged, deleted, repository-deleted, restored, promoted,
    rolled-back, described, planned, version-scheme, blob-deleted and quarantined.

    Examples: `entrepot webhook add https://ci.example.com/hook --project team --events
    pushed,tagged`, `entrepot webhook add https://hooks.slack.com/services/… --repositories
    team/app --events tagged --format slack`
    """
    if (project is None) == (repositories is None):
        fail("say of which repositories: --project team or --repositories 'team/app-*'")
    wanted: dict[str, Any] = {
        "url": url,
        "pattern": f"{project}/*" if project else repositories,
        "events": _split(events),
        "format": how,
        "about": about,
    }
    if secret_stdin:
        wanted["secret"] = _secret()
    made = connect(ctx).post("/webhooks", wanted)
    _reveal(f"webhook {made['id']} is told of {made['pattern']}", made, as_json=as_json)


def _split(events: str) -> list[str]:
    return [each.strip() for each in events.split(",") if each.strip()]


def _secret() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _reveal(sentence: str, made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(made)
        return
    typer.echo(f"{sentence}. Its secret, which nobody can show again:\n\n    {made['secret']}")


@app.command("set")
def set_webhook(
    ctx: typer.Context,
    webhook: Id,
    *,
    url: Annotated[str | None, typer.Option(help="Send there from now on.")] = None,
    events: Annotated[str | None, typer.Option(help="Of these; '' for all.")] = None,
    about: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    as_json: Json = False,
) -> None:
    """Change where a webhook leads, or what it is told of.

    Example: `entrepot webhook set 1f0c9a2b --events tagged,promoted`
    """
    given = {"url": url, "about": about, "events": None if events is None else _split(events)}
    wanted = {name: value for name, value in given.items() if value is not None}
    if not wanted:
        fail("say what to change: --url, --events or --about")
    changed = connect(ctx).patch(f"/webhooks/{webhook}", wanted)
    done(f"webhook {webhook} is changed", changed, as_json=as_json)


@app.command()
def pause(ctx: typer.Context, webhook: Id, *, as_json: Json = False) -> None:
    """Send a webhook nothing for now; what happens meanwhile waits for it.

    Example: `entrepot webhook pause 1f0c9a2b`
    """
    changed = connect(ctx).patch(f"/webhooks/{webhook}", {"paused": True})
    done(f"webhook {webhook} is paused", changed, as_json=as_json)


@app.command()
def resume(ctx: typer.Context, webhook: Id, *, as_json: Json = False) -> None:
    """Let a webhook go on, with what waits for it.

    Example: `entrepot webhook resume 1f0c9a2b`
    """
    changed = connect(ctx).patch(f"/webhooks/{webhook}", {"paused": False})
    done(f"webhook {webhook} goes on", changed, as_json=as_json)


@app.command()
def rotate(
    ctx: typer.Context,
    webhook: Id,
    *,
    overlap: Annotated[
        str, typer.Option(help="How long the secret before it signs, too: 30m, 24h.")
    ] = "24h",
    secret_stdin: SecretStdin = False,
    as_json: Json = False,
) -> None:
    """Give a webhook a new secret. Until the receiver knows it, messages have both signatures.

    Example: `entrepot webhook rotate 1f0c9a2b --overlap 2d`
    """
    wanted: dict[str, Any] = {"overlap": parse_duration(overlap, "--overlap")}
    if secret_stdin:
        wanted["secret"] = _secret()
    made = connect(ctx).post(f"/webhooks/{webhook}/rotate", wanted)
    _reveal(f"webhook {webhook} has a new secret", made, as_json=as_json)


@app.command()
def remove(ctx: typer.Context, webhook: Id, *, yes: Yes = False, as_json: Json = False) -> None:
    """Remove a webhook, with all that it was sent, or was to be.

    Example: `entrepot webhook remove 1f0c9a2b --yes`
    """
    confirm(f"remove webhook {webhook}, with what waits for it?", yes=yes)
    connect(ctx).delete(f"/webhooks/{webhook}")
    done(f"webhook {webhook} is gone", {"id": webhook}, as_json=as_json)
