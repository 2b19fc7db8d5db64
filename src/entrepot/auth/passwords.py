"""Passwords: Argon2id, in threads, few at once: each check takes 64 MiB and some 50 ms.

One that was found good is not checked again for a minute: clients ask for a token per image.
argon2 is loaded by the first check, in its thread: no start waits for it.
"""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST = 8
MOST = 1024
"""Characters of a password."""

FRESH = 60.0
"""Seconds for which what was found good, a password or another secret, is not checked again."""

_AT_ONCE = 2
MOST_WAITING = 100
"""Checks under way: some seconds of work."""

_MOST_KEPT = 10_000


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher()


def check_new(password: str) -> str:
    """The password, if it is fit to be one. Raises ValueError."""
    if not LEAST <= len(password) <= MOST:
        raise ValueError(f"a password has {LEAST} to {MOST} characters")
    return password


def make() -> str:
    """A random password, to be shown once."""
    return secrets.token_urlsafe(18)


def hashed(password: str) -> str:
    """What is kept of it. Takes long: not for the event loop."""
    return _hasher().hash(password)


def _verify(kept: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


class Passwords:
    """Checks passwords off the event loop."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._nobody: str | None = None
        self._salt = secrets.token_bytes(32)
        self._good: OrderedDict[bytes, float] = OrderedDict()

    @property
    def crowded(self) -> bool:
        """Whether so many wait to be checked that whoever comes now would wait for nothing."""
        return self._waiting >= MOST_WAITING

    def known(self, kept: str | None, password: str) -> bool:
        """Whether it was found to be the one a moment ago; once it is changed it is not."""
        return kept is not None and self._good.get(self._key(kept, password), 0) > time.monotonic()

    def _key(self, kept: str, password: str) -> bytes:
        return hashlib.blake2b(f"{kept} {password}".encode(), key=self._salt).digest()

    def _remember(self, kept: str, password: str) -> None:
        self._good[self._key(kept, password)] = time.monotonic() + FRESH
        while len(self._good) > _MOST_KEPT:
            self._good.popitem(last=False)

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether it is the one. Where nothing is kept it takes as long, and is not."""
        self._waiting += 1
        try:
            return await self._check(kept, password)
        finally:
            self._waiting -= 1

    async def _check(self, kept: str | None, password: str) -> bool:
        async with self._turn:
            if self.known(kept, password):  # many come at once with the same
                return True
            if self._nobody is None:  # whoever comes first waits for it, be they known or not
                self._nobody = await asyncio.to_thread(hashed, secrets.token_urlsafe())
            good = await asyncio.to_thread(_verify, kept or self._nobody, password[: MOST + 1])
            if kept is None:
                return False
            if good:
                self._remember(kept, password)
            return good

    async def hashed(self, password: str) -> str:
        """What is to be kept of a new password."""
        async with self._turn:
            return await asyncio.to_thread(hashed, password)
