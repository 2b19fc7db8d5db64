"""`Stand`: a kubectl that gives the answers which lie ready for it, and remembers its calls."""

import json
import sys
from pathlib import Path
from typing import Any

KUBECTL = """\
#!{python}
import json, os, pathlib, signal, sys, time
folder = pathlib.Path({folder!r})
words = sys.argv[1:]
with (folder / "calls").open("a") as calls:
    print(*words, file=calls)
verb = next(each for each in words if each in ("get", "patch", "delete"))
kind = words[words.index(verb) + 1]
answers = sorted(folder.glob(f"{{verb}}-{{kind}}-*"))
answer = json.loads(answers[0].read_text())
if len(answers) > 1:
    answers[0].unlink()
if answer == "^C":
    os.kill(os.getppid(), signal.SIGINT)
    time.sleep(10)
if isinstance(answer, str):
    sys.exit(answer)
print(json.dumps(answer))
"""
"""Gives the answers one after the other, and the last one for ever."""


class Stand:
    """What stands for a cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "kubectl"
        program.write_text(KUBECTL.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)

    def answers(self, call: str, *documents: Any) -> None:
        """Lay ready what calls such as `get-deployment` get. Words of an error are one, and `^C`
        interrupts whoever calls.
        """
        for number, each in enumerate(documents):
            (self.folder / f"{call}-{number}").write_text(json.dumps(each))

    def calls(self, verb: str) -> list[str]:
        """The command lines with this verb."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [each for each in lines if f" {verb} " in each]
