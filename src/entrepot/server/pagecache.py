"""Whether bytes can be sent without waiting for the disk.

Sending bytes that are not in the page cache holds up the thread that sends them; on the event loop
that would be everyone. So before each stride one byte is asked for with RWF_NOWAIT, which costs
less than a microsecond. What is not there is sent by a thread of this pool: the disk holds up that
one, and the kernel reads ahead as it does for anybody who reads in order. Asking it to read ahead
(WILLNEED) would be simpler still, but fills the cache with single pages, and every later download
of the file then costs half as much again.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

THREADS = 8


@cache
def readers() -> ThreadPoolExecutor:
    """The threads that may wait for the disk."""
    return ThreadPoolExecutor(THREADS, "entrepot-read")


def is_cached(fd: int, offset: int) -> bool:
    """Tell whether a byte is in the page cache; yes if the file system cannot tell."""
    try:
        os.preadv(fd, [bytearray(1)], offset, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    except OSError:  # EOPNOTSUPP; a real error shows itself when the byte is sent
        return True
    return True
