"""A page of docs/ as a shell script: its files are written and its commands run, in their order.

What cannot be run here has a line above it that says why: `<!-- not run: REASON -->`.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.process import component
from tests.tools import SEARCH, run

PATIENT = {"--timeout 60s": "--timeout 150s"}
"""What a slow machine needs in place of what pages say."""

_DOCS = Path(__file__).parents[2] / "docs"

_blocks = re.compile(
    r"^(?:<!-- not run: (\S[^\n]*\S) -->\n)?```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE
).findall
named = re.compile(r"# (\S+)\n").match


def page(name: str, replaced: Mapping[str, str]) -> str:
    """Its text, with the test's values in place of the page's."""
    text = (_DOCS / name).read_text()
    for old, new in replaced.items():
        assert old in text, f"{name} has no {old}"
        text = text.replace(old, new)
    return text


def follow(text: str, folder: Path, env: Mapping[str, str], *before: str, within: float) -> str:
    """What the commands of a page say, from its first to its last in `folder`; the test fails where
    one fails. `before` is a command that runs the shell.
    """
    programs = [Path(sys.executable).parent, component("kubectl").parent]
    path = os.pathsep.join([*map(str, programs), SEARCH])
    shell = [*before, "bash", "-euxo", "pipefail", "-c", script(text)]
    return run(*shell, env={**env, "PATH": path}, cwd=folder, within=within).stdout


def script(text: str) -> str:
    """A Dockerfile and blocks that begin with their name are files; `console` are commands."""
    lines = []
    for unrun, kind, block in _blocks(text):
        begun = named(block)
        if kind == "console" and not unrun:
            lines += [line.removeprefix("$ ") for line in block.splitlines()]
        elif kind == "dockerfile" or begun:
            name = Path(begun[1] if begun else "Dockerfile")
            lines.append(f"mkdir -p {name.parent}; cat > {name} <<'END'\n{block}END")
    return "\n".join(lines)
