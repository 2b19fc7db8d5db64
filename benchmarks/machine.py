"""What the run was made on: processor, kernel, disk, versions of everything."""

import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .peers import Peer


def describe(folder: Path, peers: Iterable[Peer]) -> dict[str, str]:
    """Return names and values for the report."""
    memory = int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1e6
    facts = {
        "Processor": f"{os.cpu_count()} cores, {_field('/proc/cpuinfo', 'model name')}",
        "Memory": f"{memory:.0f} GB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "Disk": disk(folder),
        "Load before": f"{os.getloadavg()[0]:.2f} (1 minute)",
        "Python": platform.python_version(),
        "wrk": _said(("wrk", "-v")),
    }
    for peer in peers:
        facts[peer.name] = _said(peer.version)
    return facts


def disk(folder: Path) -> str:
    """Return the device, its kind and the file system that a folder lies on."""
    device, kind = mount(folder)
    if Path(device).name.startswith(("vd", "xvd")):
        return f"{device}, {kind}, the virtual disk of a virtual machine"
    number = folder.stat().st_dev
    block = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    for each in (block, block.parent):
        spinning = each / "queue" / "rotational"
        if spinning.exists():
            turning = spinning.read_text().strip() == "1"
            return f"{device}, {kind}, {'spinning' if turning else 'solid state'}"
    return f"{device}, {kind}"


def mount(folder: Path) -> tuple[str, str]:
    """Return the device and the file system type of the mount that a folder lies on."""
    mounts = [line.split()[:3] for line in Path("/proc/self/mounts").read_text().splitlines()]
    within = [m for m in mounts if folder.is_relative_to(m[1])]
    device, _, kind = max(reversed(within), key=lambda m: len(m[1]))
    return device, kind


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"


def _said(command: tuple[str, ...]) -> str:
    """Return the first line that a command prints about its version, short."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (result.stdout + result.stderr).strip().splitlines()
    if not lines:
        return "unknown"
    line = lines[0].partition(" Copyright")[0].removeprefix("nginx version: ")
    return line.removeprefix(command[0]).strip()
