"""CPU time and memory of a process with all of its descendants, from /proc.

The kernel counts CPU exactly but shows it in ticks of 10 ms, so a window should hold many.
"""

import os
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a tree in bytes."""

    rss: int
    """Sum of resident pages; pages that processes share count once for each of them."""
    pss: int
    """The same, a page shared by n processes counting 1/n in each."""


def tree(pid: int) -> list[int]:
    """Return the process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for each in found:
        found.extend(children.get(each, []))
    return found


def cpu_seconds(pid: int) -> float:
    """Return user and system time of the tree, with that of children it has waited for."""
    return sum(sum(map(int, _stat(each)[11:15])) for each in tree(pid)) / TICK


def memory(pid: int) -> Memory:
    """Return the resident memory of the tree."""
    rss = pss = 0
    for each in tree(pid):
        try:
            lines = (PROC / str(each) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        values = {line.split(":")[0]: line.split()[1] for line in lines[1:]}
        rss += int(values.get("Rss", 0)) * 1024
        pss += int(values.get("Pss", 0)) * 1024
    return Memory(rss, pss)


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the name, from the state on; empty if it has ended."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return []
    return text[text.rindex(")") + 2 :].split()
