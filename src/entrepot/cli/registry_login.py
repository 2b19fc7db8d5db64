"""How this registry logs in at another one, as it is said on the command line."""

from pathlib import Path
from typing import Annotated, Any

import typer

from entrepot.cli.options import fail, read_text
from entrepot.cli.password import read_password

Ecr = Annotated[
    bool,
    typer.Option(
        "--ecr", help="Amazon's registry: log in by AWS credentials, --user's key or own."
    ),
]
Google = Annotated[
    bool,
    typer.Option(
        "--google",
        help="Google's registry: log in by a service account's key (--password-stdin) or own.",
    ),
]
Ca = Annotated[
    Path | None, typer.Option(help="File with its private CA, in PEM; '' for the system's.")
]


def read_ca(path: Path | None) -> dict[str, str]:
    """What the API is told of a CA, where one is said; '' takes one back."""
    if path is None:
        return {}
    return {"ca": "" if path == Path() else read_text(path)}


def read_change(user: str | None, *, stdin: bool, of: str) -> dict[str, Any]:
    """The same where a login is changed: nobody's has no password."""
    if user or stdin:
        return {"password": read_password(stdin, prompt=f"Password {of}")}
    return {"password": ""} if user == "" else {}


def read_login(
    url: str, user: str | None, *, stdin: bool, ecr: bool, google: bool
) -> dict[str, Any]:
    """What the API is told beside the user's name."""
    if ecr and google:
        fail("say --ecr or --google: a registry is one cloud's")
    if google and user:
        fail("leave --user out: a service account's key names its account")
    found: dict[str, Any] = {}
    if ecr or google:
        found["kind"] = "ecr" if ecr else "google"
    if user or (google and stdin):
        found["password"] = read_password(stdin, prompt=f"Password of {user} at {url}")
    elif stdin:
        fail("whose password is it? Say --user, too")
    return found
