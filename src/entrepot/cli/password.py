"""Passwords on the command line: asked for without an echo, or read from standard input."""

import sys
from typing import Annotated

import typer

from entrepot.cli.options import fail

FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


def read_password(stdin: bool, *, prompt: str = "Password", new: bool = False) -> str:
    """The password; a new one is asked for twice."""
    if stdin:
        text = sys.stdin.read()
        found = text.removesuffix("\n").removesuffix("\r")
    elif sys.stdin.isatty():
        found = typer.prompt(prompt, hide_input=True, confirmation_prompt=new, err=True)
    else:
        fail("give the password by --password-stdin: there is no terminal to ask at")
    if not found:
        fail("the password is empty")
    return str(found)
