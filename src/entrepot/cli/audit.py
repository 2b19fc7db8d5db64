"""`entrepot audit`: who did what; is it all there; what should someone look at."""

import contextlib
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.duration import parse_duration
from entrepot.cli.options import Json, fail
from entrepot.cli.output import Columns, Row, show_json, show_list, when

app = typer.Typer(no_args_is_help=True, help="The audit: who did what, and who was not let.")

_head = re.compile(r"(\d{1,18}):([0-9a-f]{64})").fullmatch


class Result(StrEnum):
    """How it ended."""

    OK = "ok"
    DENIED = "denied"
    FAILED = "failed"


class Format(StrEnum):
    """How an export is written."""

    JSONL = "jsonl"
    CSV = "csv"


def _what(row: Row) -> str:
    """Repository and tag, or what else it was on; a digest has a column of its own."""
    repository, reference = row["repository"], row["reference"]
    tag = "" if reference == row["digest"] else reference
    return f"{repository}:{tag}" if repository and tag else repository or reference


COLUMNS: Columns = {
    "at": when("at"),
    "actor": "actor",
    "action": "action",
    "what": _what,
    "digest": lambda row: row["digest"][:19],
    "result": "result",
    "times": "times",
    "address": "address",
    "client": lambda row: row["agent"][:30],
}

FINDINGS: Columns = {
    "severity": "severity",
    "kind": "kind",
    "subject": "subject",
    "since": when("since"),
    "what to do": "text",
}

Since = Annotated[str, typer.Option(help="From then on: 30s, 15m, 1h, 7d ago, or a time.")]
Until = Annotated[str, typer.Option(help="Before then, written the same.")]
Actor = Annotated[str, typer.Option(help="Only of user:, robot: or workload:NAME, anonymous.")]
Repo = Annotated[str, typer.Option(help="Only on team/app, or on what 'team/*' means.")]
Action = Annotated[str, typer.Option(help="Only pull, pushed, tagged, deleted, login, …")]
Ended = Annotated[Result | None, typer.Option(help="Only what ended so.")]
Address = Annotated[str, typer.Option(help="Only from this address.")]


@app.command("list")
def list_entries(
    ctx: typer.Context,
    *,
    since: Since = "",
    until: Until = "",
    actor: Actor = "",
    repo: Repo = "",
    action: Action = "",
    result: Ended = None,
    address: Address = "",
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = 1000,
    as_json: Json = False,
) -> None:
    """List what was done, the newest first.

    Examples: `entrepot audit list --repo team/app --since 1h --json`,
    `entrepot audit list --actor user:alice --action login --result denied`,
    `entrepot audit list --repo 'team/*' --since 2026-03-01 --until 2026-04-01T12:00:00Z`
    """
    asked = _asked(
        since, until, actor=actor, repository=repo, action=action, result=result, address=address
    )
    rows = connect(ctx).every("/audit", **asked)
    found = list(islice(rows, limit + 1 if limit else None))
    show_list(found[:limit] if limit else found, COLUMNS, as_json=as_json)
    if limit and len(found) > limit:
        typer.echo(f"entrepot: there are more than {limit}: give a larger --limit", err=True)


@app.command()
def export(
    ctx: typer.Context,
    *,
    since: Since = "",
    until: Until = "",
    actor: Actor = "",
    repo: Repo = "",
    action: Action = "",
    result: Ended = None,
    address: Address = "",
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.JSONL,
    output: Annotated[
        Path | None, typer.Option(help="File to write to.", show_default="standard output")
    ] = None,
) -> None:
    """Write all of it, or what is asked for, as JSON lines or CSV, the newest first.

    Examples: `entrepot audit export > audit.jsonl`,
    `entrepot audit export --since 30d --format csv --output march.csv`
    """
    asked = _asked(
        since, until, actor=actor, repository=repo, action=action, result=result, address=address
    )
    parts = connect(ctx).stream("/audit/export", format=form.value, **asked)
    try:
        with _opened(output) as stream:
            for part in parts:
                stream.write(part)
    except OSError as error:
        fail(f"cannot write {output or 'standard output'}: {error.strerror}", 1)


@contextlib.contextmanager
def _opened(output: Path | None) -> Iterator[Any]:
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with output.open("wb") as stream:
        yield stream


@app.command()
def verify(
    ctx: typer.Context,
    *,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the registry's data, to look at it without the registry."),
    ] = None,
    head: Annotated[str, typer.Option(help="ID:HASH, as an earlier call printed it.")] = "",
    as_json: Json = False,
) -> None:
    """Say whether rows of the audit were altered, or are missing; changes nothing.

    Ends with 0 where all is as it was written, else with 1. Note the head that it prints somewhere
    else, and give it the next time: without it, a chain that was written anew does not show.

    Examples: `entrepot audit verify`, `entrepot audit verify --data /srv/entrepot --json`
    """
    if head and not _head(head):
        fail(f"--head is {head!r}: write ID:HASH, as this command printed it")
    found = _verified(data, head) if data else connect(ctx).get("/audit/verify", head=head)
    link = f"{found['head']['id']}:{found['head']['hash']}"
    if as_json:
        show_json(found)
    else:
        for fault in found["faults"]:
            typer.echo(f"FAULT {fault}")
        state = "as they were written" if found["intact"] else "NOT as they were written"
        typer.echo(f"{found['rows']} rows, {state}")
        typer.echo(f"note this head elsewhere: {link}")
    raise typer.Exit(0 if found["intact"] else 1)


def _verified(data: Path, head: str) -> dict[str, Any]:
    """The same as the API says, from the folder."""
    from entrepot.db import place
    from entrepot.db.chain import Chain
    from entrepot.db.schema import SchemaError

    folder = place.find(data)
    if not folder.exists():
        fail(f"there is no registry in {folder}: name its folder with --data")
    match = _head(head)
    chain = Chain(folder.connect_to_read, (int(match[1]), match[2]) if match else None)
    try:
        faults = list(chain.faults())
    except SchemaError as error:
        fail(str(error))
    except (OSError, sqlite3.Error) as error:
        fail(f"cannot read {folder}: {error}; run it as the user of the server")
    link = {"id": chain.head[0], "hash": chain.head[1]}
    return {"intact": not faults, "rows": chain.rows, "head": link, "faults": faults}


@app.command()
def review(
    ctx: typer.Context,
    *,
    unused: Annotated[str, typer.Option(help="For how long makes something unused.")] = "90d",
    as_json: Json = False,
) -> None:
    """Show what a security team looks at regularly: what is unused, endless, wide, old, public.

    Ends with 1 where something is a warning or worse, so that a scheduled job can tell someone.

    Examples: `entrepot audit review`, `entrepot audit review --unused 30d --json`
    """
    seconds = parse_duration(unused, "--unused")
    found = connect(ctx).get("/audit/review", unused=seconds)["items"]
    show_list(found, FINDINGS, as_json=as_json)
    raise typer.Exit(1 if any(each["severity"] != "notice" for each in found) else 0)


def _asked(since: str, until: str, **words: str | None) -> dict[str, str | None]:
    return {"since": _moment(since, "--since"), "until": _moment(until, "--until"), **words}


def _moment(text: str, option: str) -> str:
    """A time as the API takes it; a duration is so long ago, a time without a zone is UTC."""
    if not text:
        return ""
    if text[-1].isalpha() and text[-1] != "Z":
        at = datetime.fromtimestamp(time.time() - parse_duration(text, option), UTC)
        return at.isoformat()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option} is {text!r}: write 30s, 15m, 1h, 7d, or a time: 2026-03-01T12:00:00Z")
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()
