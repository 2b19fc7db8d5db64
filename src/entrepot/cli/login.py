"""`entrepot login` and `logout`, `whoami`, and `context`: which registry, and as whom."""

import contextlib
import socket
from pathlib import Path
from typing import Annotated

import typer

from entrepot.cli import context
from entrepot.cli.client import Client, connect
from entrepot.cli.context import Context
from entrepot.cli.options import Json, fail
from entrepot.cli.output import Columns, done, show_list, show_one
from entrepot.cli.password import FromStdin, read_password

contexts = typer.Typer(no_args_is_help=True, help="Choose among the registries logged in to.")


def login(
    url: Annotated[str, typer.Argument(help="https://HOST[:PORT] of the registry.")],
    *,
    user: Annotated[
        str, typer.Option("--user", "-u", "--username", help="Name to log in as.")
    ] = "",
    password_stdin: FromStdin = False,
    sso: Annotated[
        bool, typer.Option("--sso", help="Sign on at the provider, in a browser.")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only show where to go, and open no browser.")
    ] = False,
    wait: Annotated[int, typer.Option(help="Seconds to wait for the browser.", min=1)] = 300,
    ca: Annotated[
        Path | None, typer.Option(help="File with the registry's private CA.", exists=True)
    ] = None,
    name: Annotated[
        str, typer.Option(help="What to call this registry here.", show_default="HOST:PORT")
    ] = "",
    as_json: Json = False,
) -> None:
    """Log in, for the commands that follow. A password is traded for a token that ends by itself.

    Examples: `entrepot login https://registry.example.com -u alice`,
    `entrepot login http://127.0.0.1:5000 -u admin --password-stdin < password.txt`,
    `entrepot login https://registry.example.com --sso`
    """
    address = context.parse_url(url)
    plain = Context(
        name or address.partition("://")[2], address, "", ca=str(ca.absolute()) if ca else None
    )
    if sso:
        if user or password_stdin:
            fail("--sso asks neither for a name nor for a password: the provider does")
        keep(_signed_on(plain, browser=not no_browser, seconds=wait), as_json=as_json)
        return
    who = user or typer.prompt("User", err=True)
    password = read_password(password_stdin)
    keep(_logged_in(plain, who, password), as_json=as_json)


def _signed_on(plain: Context, *, browser: bool, seconds: int) -> Context:
    from entrepot.cli.browser import sign_on

    code, verifier = sign_on(plain.url, browser=browser, seconds=seconds)
    with contextlib.closing(Client(plain)) as client:
        wanted = {"code": code, "verifier": verifier, "name": _own_name()}
        started = client.post("/sso/exchange", wanted)
    return Context(plain.name, plain.url, started["secret"], started["subject"], plain.ca)


def _own_name() -> str:
    """What the token of this command is called."""
    return f"cli on {socket.gethostname()}"[:100]


def _logged_in(plain: Context, who: str, password: str) -> Context:
    with contextlib.closing(Client(plain, (who, password))) as client:
        token, subject = _token(client, password)
    return Context(plain.name, plain.url, token, subject, plain.ca)


def _token(client: Client, password: str) -> tuple[str, str]:
    """A token of this command's own, and whose it is."""
    if password.startswith("entrepot_"):  # a token already: it is kept as it is
        return password, client.get("/session")["subject"]
    started = client.post("/session", {"name": _own_name()})
    return started["secret"], started["subject"]


def keep(found: Context, *, as_json: bool) -> None:
    """Remember a registry, and use it from now on."""
    _, known = context.read()
    context.write(found.name, {**known, found.name: found})
    document = {"context": found.name, "url": found.url, "subject": found.subject}
    done(f"{found.subject} is logged in to {found.url}", document, as_json=as_json)


def logout(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Revoke the token that login made, and forget the registry.

    Example: `entrepot logout`
    """
    client = connect(ctx)
    where = client.where
    if not where.token.startswith("entrepot_rob_"):
        client.delete("/session")
    _, known = context.read()
    known.pop(where.name, None)
    context.write(next(iter(known), ""), known)
    done(f"logged out from {where.url}", {"context": where.name}, as_json=as_json)


def whoami(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Say who is logged in, and what they may.

    Example: `entrepot whoami --json`
    """
    client = connect(ctx)
    found = client.get("/session")
    rights = [f"{each['role']} on {each['pattern']}" for each in found["grants"]]
    columns: Columns = {
        "registry": lambda _: client.where.url,
        "subject": "subject",
        "by": "via",
        "groups": "groups",
        "grants": lambda _: rights,
    }
    show_one(found, columns, as_json=as_json)


@contexts.command("list")
def list_contexts(*, as_json: Json = False) -> None:
    """List the registries logged in to; * marks the one in use.

    Example: `entrepot context list`
    """
    current, known = context.read()
    rows = [
        {
            "current": each.name == current,
            "name": each.name,
            "url": each.url,
            "subject": each.subject,
        }
        for each in known.values()
    ]
    columns: Columns = {
        "": lambda row: "*" if row["current"] else " ",
        "name": "name",
        "address": "url",
        "subject": "subject",
    }
    show_list(rows, columns, as_json=as_json)


@contexts.command("use")
def use_context(name: str, *, as_json: Json = False) -> None:
    """Use another registry from now on.

    Example: `entrepot context use registry.example.com`
    """
    _, known = context.read()
    if name not in known:
        fail(f"there is no context {name} (known: {', '.join(known) or 'none'})")
    context.write(name, known)
    done(f"{known[name].url} is in use", {"context": name}, as_json=as_json)
