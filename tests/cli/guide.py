"""A page of docs/ as somebody at a desk follows it: `entrepot …` here, the rest in a shell.

What cannot be run here has a line above it that says why, as in `tests.cluster.guide`.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.cli.desk import Desk
from tests.cluster.guide import named
from tests.tools import run

_blocks = re.compile(
    r"^(<!-- not run: \S[^\n]* -->\n)?```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE
).findall


def steps(text: str) -> Iterator[str]:
    """Files that a page has, as `cat > NAME`, and the commands in its blocks, each in one line."""
    for unrun, kind, block in _blocks(text):
        if unrun:
            continue
        joined = block.replace("\\\n", " ")
        if name := named(block):
            yield f"cat > {name[1]} <<'END'\n{block}END"
        elif kind == "console":
            yield from (x[2:] for x in joined.splitlines() if x.startswith("$ "))
        else:
            yield from (x for x in joined.splitlines() if x.startswith("entrepot "))


def follow(desk: Desk, step: str, folder: Path) -> str:
    """What one of them says; it must do what it should."""
    if not step.startswith("entrepot "):
        return run("bash", "-euo", "pipefail", "-c", step, cwd=folder).stdout
    words = shlex.split(step, comments=True)[1:]
    given, into = _redirected(words, "<"), _redirected(words, ">")
    said = desk.good(*words, stdin=(folder / given).read_text() if given else "")
    if into:
        (folder / into).write_text(said)
    return said


def _redirected(words: list[str], sign: str) -> str:
    if sign not in words:
        return ""
    place = words.index(sign)
    name = words[place + 1]
    del words[place : place + 2]
    return name
