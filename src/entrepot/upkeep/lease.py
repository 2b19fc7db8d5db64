"""The lease: of several processes over one folder, the one that holds the lock does the work."""

import fcntl


def is_ours(descriptor: int) -> bool:
    """Whether this process holds the lock, or just got it; it goes with the process."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
