"""How many connections and files a process may have open: as many as the system lets it.

Shells and systemd begin with 1,024, for programs that know no more; a thousand nodes that pull at
once need thrice that. Whoever wants less sets the hard limit.
"""

import resource

ENOUGH = 65_536


def widen() -> None:
    """For this process and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
