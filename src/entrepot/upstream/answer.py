"""`Answer`: what a registry answered, and what that means to who asked.

Source: OCI Distribution Specification, "Error Codes"; RFC 9110. Next: `http` asks.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import Any

from entrepot.upstream.place import (
    BrokenError,
    HeldError,
    MethodError,
    RefusedError,
    UnclearError,
    UpstreamError,
    parsed,
    told,
)

BUSY = {408, 425, 429, 500, 502, 503, 504}
"""Statuses that may be others when one asks again."""
_NO_METHOD = {405, 416, 501}
_UNCLEAR = {400, 406}
_NEVER = {400, 403, 405, 409, 412}
_HOLDING = {"rule", "channel", "floats_with"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registry answered."""

    status: int
    headers: Mapping[str, str]
    """Whatever case one asks by."""
    body: bytes = b""
    url: str = ""
    """Whose answer it is, after redirects."""

    def checked(self, host: str, *, logged_in: bool = False, shown: bool = False) -> "Answer":
        """Itself, where it is an answer to work with; else raises `UpstreamError`. Who was `shown`
        the password takes it for wrong by 401.
        """
        if self.status < 400 or self.status == 404:
            return self
        said = self.said or f"HTTP status {self.status}"
        if self.status in BUSY:
            wait = _wait(self.headers)
            raise BrokenError(f"{host}: {said}", wait, self.status)
        if self._holds:
            raise HeldError(f"{host} keeps it: {said}")
        if self.status in (401, 403):
            hint = "" if logged_in else f"log in: docker login {host}"
            login = shown and self.status == 401
            raise RefusedError(f"{host} refuses: {said}", hint, login=login)
        if self.status in _NO_METHOD:
            raise MethodError(f"{host}: {said}")
        kind = UnclearError if self.status in _UNCLEAR else UpstreamError
        raise kind(f"{host}: {said}")

    @property
    def is_done(self) -> bool:
        """Whether what was sent is kept: Quay has said 202 of what others say 201 of."""
        return 200 <= self.status < 300

    @property
    def is_of_registry(self) -> bool:
        """Whether an error is told as registries do, and not as whatever may stand before one."""
        return "code" in self._error

    @property
    def said(self) -> str:
        """What is told of an error; "" for nothing."""
        return told(str(self._error.get("message") or ""))

    @property
    def _holds(self) -> bool:
        """Whether a tag is kept as it is. Entrepot says so in the detail; of others the word by
        which Harbor, Quay, Amazon and Google call it.
        """
        detail = self._error.get("detail")
        ours = isinstance(detail, dict) and bool(_HOLDING & detail.keys())
        word = "immutable" in str(self._error.get("message")).lower()
        return self.status in _NEVER and (ours or word)

    @property
    def _error(self) -> dict[str, Any]:
        try:
            found = parsed(self.body)["errors"][0]
        except (ValueError, KeyError, IndexError, TypeError):
            return {}
        return found if isinstance(found, dict) else {}


def _wait(headers: Mapping[str, str]) -> float:
    """Seconds for which not to ask; a date counts by its own clock (RFC 9110, "Retry-After")."""
    text = headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 8 else 0
    until, now = _date(text), _date(headers.get("date", "")) or time.time()
    return max(0.0, until - now)


def _date(text: str) -> float:
    """Seconds since 1970; 0 for what is no date."""
    try:
        found = parsedate_tz(text)
        return float(mktime_tz(found)) if found else 0
    except (ValueError, OverflowError):
        return 0
