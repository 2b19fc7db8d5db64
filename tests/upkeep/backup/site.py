"""A registry, where its backups go, and the commands on them."""

import json
import shutil
from pathlib import Path
from typing import Any

from tests.cli.command import Done
from tests.registry import Registry
from tests.upkeep.filled import Filled
from tests.warm import entrepot


class Site(Filled):
    """A registry with something of everything, and a place for its backups."""

    def __init__(self, registry: Registry, folder: Path, dest: str, *options: str) -> None:
        super().__init__(registry)
        self.folder = folder
        self.dest = dest
        self.options = options
        """Of the place."""
        self.config: tuple[str, ...] = ("--data", str(registry.data))

    def run(self, command: str, *arguments: str) -> Done:
        return entrepot("backup", command, self.dest, *self.options, *arguments)

    def words(self, command: str, *arguments: str) -> list[str]:
        """As a process of its own is started."""
        return ["backup", command, self.dest, *self.options, *arguments]

    def json(self, command: str, *arguments: str) -> Any:
        done = self.run(command, *arguments, "--json")
        assert (done.status, done.error) == (0, ""), done
        return json.loads(done.output)

    def create(self, *arguments: str) -> Any:
        return self.json("create", *self.config, *arguments)

    def destroy(self) -> None:
        """What the backup is for."""
        self.registry.kill()
        shutil.rmtree(self.registry.data)

    def check(self, *config: str, data: Path | None = None) -> None:
        """The registry at these settings is as this one was."""
        checked = entrepot("check", *config)
        assert (checked.status, checked.output) == (0, "0 damaged, 0 leftovers\n"), checked
        settings = {"ENTREPOT_CONFIG": config[1]} if config[0] == "--config" else {}
        self.check_served(Registry(data or Path(config[1]), self.folder / "new.log", settings))


def write(file: Path, **settings: Any) -> tuple[str, str]:
    """A file of settings, and the options that name it."""
    file.write_text("".join(f"{k} = {json.dumps(str(v))}\n" for k, v in settings.items()))
    return "--config", str(file)
