"""The holder of a lease: a process, so named that it is known again and its end can be seen.

A process that was killed gives nothing back. Whoever runs beside it on the same machine sees that
it is gone, and need not wait until its leases lapse; elsewhere they do lapse.
"""

import os
import secrets
import socket
from pathlib import Path

_UNKNOWN = "-"


def here() -> str:
    """A new name for a holder in this process: HOST PID START MACHINE NUMBER."""
    number = secrets.token_hex(4)
    return " ".join([socket.gethostname(), str(os.getpid()), _start("self"), _machine(), number])


def gone(holder: str) -> bool:
    """Whether its process has ended, as far as can be seen from here."""
    words = holder.split()
    if len(words) != 5 or _UNKNOWN in words[2:4] or words[3] != _machine():
        return False
    return _start(words[1]) != words[2]


def shown(holder: str) -> str:
    """Its host and process, for people."""
    return "/".join(holder.split()[:2])


def _machine() -> str:
    """This boot of this machine, and this namespace of processes (that of a container)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return _UNKNOWN


def _start(process: str) -> str:
    """When it began, in ticks since the boot: ids of processes are used again."""
    try:
        return Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[19]
    except OSError:
        return _UNKNOWN
