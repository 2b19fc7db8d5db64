"""`Nouns`: the commands by their names, each of whose modules is loaded when it is asked for.

A command so pays for what it needs itself, and not for all that others import.
"""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

MODULES = {
    "serve": "serve:serve",
    "check": "check:check",
    "copy": "copy:copy",
    "bundle": "bundle:app",
    "mirror-config": "mirror_config:mirror_config",
    "drill": "drill:drill",
    "upstream": "upstream:app",
    "replication": "replication:app",
    "gc": "gc:gc",
    "jobs": "jobs:app",
    "login": "login:login",
    "logout": "login:logout",
    "whoami": "login:whoami",
    "context": "login:contexts",
    "user": "user:app",
    "group": "group:app",
    "robot": "robot:app",
    "token": "token:app",
    "project": "project:app",
    "repository": "repository:app",
    "tag": "tag:app",
    "changes": "changes:changes",
    "channel": "channel:app",
    "promote": "promote:promote",
    "approve": "promote:approve",
    "rollback": "promote:rollback",
    "report": "report:app",
    "bad": "bad:app",
    "trash": "trash:app",
    "scrub": "scrub:app",
    "quota": "quota:app",
    "retention": "retention:app",
    "signer": "signer:app",
    "verify": "verify:verify",
    "grant": "grant:app",
    "can": "grant:can",
    "audit": "audit:app",
    "webhook": "webhook:app",
    "certificate": "certificate:app",
    "issuer": "issuer:app",
    "trust": "trust:app",
    "key": "key:app",
    "kube": "kube:app",
    "encryption": "encryption:app",
    "tls": "tls:app",
    "db": "db:app",
    "backup": "backup:app",
    "recover": "recover:recover",
    "version": "version:app",
}
"""In the order of the help; where a function or a group of commands is, below `entrepot.cli`."""


class Nouns(TyperGroup):
    """The group of all commands."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Loaded()


class _Loaded(MutableMapping[str, Any]):
    """Commands by name; what was loaded stays."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _load(name, MODULES[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


def _load(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(f"entrepot.cli.{module}"), attribute)
    outer = typer.Typer(
        rich_markup_mode="markdown", context_settings={"help_option_names": ["-h", "--help"]}
    )
    if isinstance(found, typer.Typer):
        outer.add_typer(found, name=name)
    else:
        outer.command(name)(found)
    outer.callback()(lambda: None)  # so that a single command is not taken for the whole
    return typer.main.get_group(outer).commands[name]
