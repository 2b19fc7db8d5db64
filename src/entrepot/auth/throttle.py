"""Failed logins are slowed down, by account and by address: guessing takes longer each time.

What is counted lies in this process's memory; several workers each count for themselves.
"""

import ipaddress
import math
import time
from collections import OrderedDict

FREE_ACCOUNT = 5
FREE_ADDRESS = 20
"""Failures that cost nothing yet; many people may share an address."""
LONGEST = 300.0
"""Seconds to wait at most."""
_FORGET = 900.0
_MOST = 20_000


class Throttle:
    """Counts failures. The next try must wait 1 s, then 2, 4, …"""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, account: str, address: str) -> int:
        """Seconds until this account, or this address, may try again; 0 for now."""
        now = time.monotonic()
        by_account, by_address = _keys(account, address)
        return max(
            self._wait(by_account, FREE_ACCOUNT, now), self._wait(by_address, FREE_ADDRESS, now)
        )

    def _wait(self, key: str, free: int, now: float) -> int:
        count, last = self._failed.get(key, (0, 0.0))
        if count < free or now - last > _FORGET:
            return 0
        pause = min(LONGEST, 2.0 ** min(count - free, 20))
        return max(0, math.ceil(last + pause - now))

    def tries(self, account: str, address: str) -> None:
        """Count a try as failed until it has succeeded: many at once must not slip through."""
        now = time.monotonic()
        for key in _keys(account, address):
            count, last = self._failed.pop(key, (0, 0.0))
            self._failed[key] = (count + 1 if now - last <= _FORGET else 1, now)
        while len(self._failed) > _MOST:
            self._failed.popitem(last=False)

    def succeeded(self, account: str, address: str) -> None:
        """Forget the account's failures; of the address's only this try: others may guess there."""
        by_account, by_address = _keys(account, address)
        self._failed.pop(by_account, None)
        count, last = self._failed.get(by_address, (0, 0.0))
        if count > 1:
            self._failed[by_address] = count - 1, last
        else:
            self._failed.pop(by_address, None)


def _keys(account: str, address: str) -> tuple[str, str]:
    return f"account {account[:200]}", f"address {_network(address)}"


def _network(address: str) -> str:
    """Of IPv6, the network: one machine has as many addresses there as it likes."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else address
