"""Someone at a desk: commands run in this process, against a registry that is served by it, too.

What only a process of its own can show (exit codes, what a shell sees) is in `command`.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.accounts import ADMIN, Accounts, first_start
from tests.admin.office import At
from tests.cli.command import Done
from tests.served import Served, serving
from typer.testing import CliRunner

from entrepot.cli import app

PASSWORD = ADMIN.secret


class Desk:
    """A contexts file, and the commands that use it."""

    def __init__(self, served: Served, contexts: Path) -> None:
        self.served = served
        self.contexts = contexts
        self.accounts = Accounts(served.folder)
        self.at = At(served.client, f"Basic {b64encode(':'.join(ADMIN.pair).encode()).decode()}")

    @property
    def url(self) -> str:
        return self.served.url

    def run(self, *arguments: str, stdin: str = "", **env: str) -> Done:
        """A command to its end; where that is an exception, it is the test's."""
        runner = CliRunner(env={"ENTREPOT_CONTEXTS": str(self.contexts), "COLUMNS": "200", **env})
        found = runner.invoke(app, arguments, input=stdin)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        return Done(found.exit_code, found.stdout, found.stderr)

    def good(self, *arguments: str, stdin: str = "", **env: str) -> str:
        """What a command says that does what it should."""
        done = self.run(*arguments, stdin=stdin, **env)
        assert (done.status, done.error) == (0, ""), done
        return done.output

    def json(self, *arguments: str, stdin: str = "", **env: str) -> Any:
        """The same, as a program reads it."""
        return json.loads(self.good(*arguments, "--json", stdin=stdin, **env))

    def bad(self, *arguments: str, stdin: str = "", **env: str) -> str:
        """What a command says that cannot do it: one line, and nothing else."""
        done = self.run(*arguments, stdin=stdin, **env)
        assert done.status in (1, 2), done
        assert done.output == ""
        assert done.error.startswith("entrepot: ")
        assert done.error.count("\n") == 1
        return done.error.removeprefix("entrepot: ").rstrip("\n")

    def login(self, name: str = "admin", password: str = PASSWORD) -> None:
        self.good("login", self.url, "-u", name, "--password-stdin", stdin=password)


@contextmanager
def furnished(folder: Path, **settings: Any) -> Iterator[Desk]:
    """A desk with a registry, nobody logged in."""
    first_start(folder / "data")
    with serving(folder / "data", "own", dangerously_without_accounts=False, **settings) as served:
        yield Desk(served, folder / "mine" / "contexts.json")
