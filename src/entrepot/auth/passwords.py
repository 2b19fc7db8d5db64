"""Passwords: Argon2id, in threads, few at once: each check takes 64 MiB and some 50 ms."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST = 8
MOST = 1024
"""Characters of a password."""

_AT_ONCE = 2
_hasher = PasswordHasher()


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
    return _hasher.hash(password)


def _verify(kept: str, password: str) -> bool:
    try:
        return _hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


class Passwords:
    """Checks passwords off the event loop."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._nobody: str | None = None

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether it is the one. Where nothing is kept it takes as long, and is not."""
        async with self._turn:
            if kept is not None:
                return await asyncio.to_thread(_verify, kept, password[: MOST + 1])
            if self._nobody is None:
                self._nobody = await asyncio.to_thread(hashed, secrets.token_urlsafe())
            await asyncio.to_thread(_verify, self._nobody, password[: MOST + 1])
            return False

    async def hashed(self, password: str) -> str:
        """What is to be kept of a new password."""
        async with self._turn:
            return await asyncio.to_thread(hashed, password)
