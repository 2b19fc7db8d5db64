"""Helm: charts as OCI artifacts."""

import re
from pathlib import Path

from tests.accounts import Credential
from tests.clients.client import Reach, isolated, log_in
from tests.tools import run, tool

CHART = """\
apiVersion: v2
name: {name}
version: {version}
description: A chart of one file
"""
TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
"""


class Helm:
    """The `helm` command."""

    def __init__(self, folder: Path, reach: Reach | None = None) -> None:
        self.folder = folder
        self.env = isolated(folder / "home")
        self.reach = ["--plain-http"] if reach is None else reach.options

    def login(self, address: str, credential: Credential) -> None:
        log_in([tool("helm"), "registry"], [*self.reach, address], credential, self.env)

    def logout(self, address: str) -> None:
        self("registry", "logout", address)

    def __call__(self, *arguments: str | Path) -> tuple[str, str]:
        """What it prints, and the digest if it says one."""
        done = run(tool("helm"), *arguments, env=self.env)
        digest = re.search(r"^Digest: (\S+)$", done.stdout + done.stderr, re.MULTILINE)
        return done.stdout, digest[1] if digest else ""

    def package(self, name: str, version: str) -> Path:
        """A chart, packaged."""
        chart = self.folder / name
        (chart / "templates").mkdir(parents=True, exist_ok=True)
        (chart / "Chart.yaml").write_text(CHART.format(name=name, version=version))
        (chart / "templates" / "configmap.yaml").write_text(TEMPLATE)
        self("package", chart, "--destination", self.folder)
        return self.folder / f"{name}-{version}.tgz"
