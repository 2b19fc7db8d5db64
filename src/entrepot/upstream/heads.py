"""`Heads`: what a registry says of something without its bytes, also where it answers no HEAD.

The specification wants HEAD of manifests and blobs, and some mirrors and proxies answer 405 or 501
to it. That is remembered, so that nobody is asked twice each time. Next: `http` asks.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from entrepot.upstream.answer import Answer
from entrepot.upstream.place import MethodError

if TYPE_CHECKING:
    from entrepot.upstream.http import Http

MANIFESTS, BLOBS = "manifests", "blobs"
AGAIN = 3600.0
"""Seconds after which HEAD is tried once more: what refused it may have been a proxy's mood."""


class Heads:
    """Those of one registry; any thread may ask."""

    def __init__(self, http: "Http") -> None:
        self._http = http
        self._refused_at: dict[str, float] = {}
        """By what was asked for."""

    def are_answered(self, what: str) -> bool:
        """Whether it is worth asking by HEAD, as far as anybody knows."""
        return time.monotonic() - self._refused_at.get(what, float("-inf")) >= AGAIN

    def ask(self, path: str, scope: str, headers: Mapping[str, str] | None = None) -> Answer:
        """By HEAD alone. Raises `MethodError` where it answers none, `UpstreamError`."""
        what = path.split("/")[-2]
        if not self.are_answered(what):
            raise MethodError(f"{self._http.host} answers no HEAD of {what}")
        try:
            return self._http.ask("HEAD", path, scope, headers)
        except MethodError:
            self._refused_at[what] = time.monotonic()
            raise

    def see(self, path: str, scope: str, headers: Mapping[str, str] | None = None) -> Answer:
        """By HEAD, else by GET, of which the body is left. Raises `UpstreamError`."""
        try:
            return self.ask(path, scope, headers)
        except MethodError:
            return self._http.head_of(path, scope, headers or {})
