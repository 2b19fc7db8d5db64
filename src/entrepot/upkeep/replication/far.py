"""`Far`: the other registry of a rule, as this process asks it, under the server's rules."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from entrepot.addresses import Network
from entrepot.db.changes import Row
from entrepot.db.replicated import Stands
from entrepot.db.replications import Replication
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository
from entrepot.upkeep.replication import told
from entrepot.upstream.clouds.login import login_of
from entrepot.upstream.http import Http
from entrepot.upstream.place import Blob, Source
from entrepot.upstream.registry import Mark, RegistryRepository

if TYPE_CHECKING:  # a client of HTTP takes megabytes, which a server without rules goes without
    from entrepot.upstream.guarded import Way

_READ_SECONDS, _TOTAL_SECONDS = 15.0, 60.0
WINDOW = 200
"""Rows of its log that are read at once."""
_ATTEMPTS = 1
"""What fails is tried again later, tag by tag, and is shown meanwhile."""


Siblings = Callable[[Digest], list[Repository]]
"""Other repositories there that a blob was copied to."""

_WORTH = 64 * 1024
"""Bytes of a blob for which it is worth asking whether another repository has it."""


class _Written(RegistryRepository):
    """What another of its repositories has is mounted, not sent again."""

    def __init__(self, http: Http, name: Repository, mark: Mark, siblings: Siblings) -> None:
        super().__init__(http, name, mark)
        self._siblings = siblings

    def mount(self, blob: Blob, source: Source) -> bool:  # noqa: ARG002 - it is not of this registry
        """See `Target`."""
        if blob.size < _WORTH:
            return False
        others = (RegistryRepository(self.http, name) for name in self._siblings(blob.digest))
        return any(super(_Written, self).mount(blob, other) for other in others)


class Far:
    """It is connected when it is asked for the first time."""

    def __init__(self, rule: Replication, allow: tuple[Network, ...]) -> None:
        self._rule, self._allow = rule, allow
        self._login = login_of(rule, allow)
        self._http: Http | None = None
        self.follows = False
        """Whether it is an Entrepot whose log of changes this login may read."""
        self._ways: dict[str, Way] = {}
        self._lock = threading.Lock()

    def repository(self, name: Repository) -> RegistryRepository:
        """One of its repositories. Raises `UpstreamError`."""
        return RegistryRepository(self._connected(), name)

    def written(self, name: Repository, mark: Mark, siblings: Siblings) -> RegistryRepository:
        """The same, to be written to."""
        return _Written(self._connected(), name, mark, siblings)

    def catalogue(self) -> list[str]:
        """Names of all its repositories that the login may see. Raises `UpstreamError`."""
        return self.repository(Repository("x")).catalogue()

    def log(self, after: int | None, wait: float) -> tuple[list[Row], int]:
        """What its log of changes has behind a cursor of what the rule means, be it after a while,
        and the cursor behind that; None for the log's end. So what others do there wakes nobody
        here. Raises `OtherError`, such as `AwayError`; `EndsError`, `BrokenError`.
        """
        wanted: dict[str, object] = {
            "limit": WINDOW,
            "wait": wait,
            "repository": self._rule.pattern,
        }
        if after is not None:
            wanted["after"] = after
        return told.log(self._connected(), f"/changes?{urlencode(wanted)}")

    def stands(self, name: Repository, tag: str) -> Stands | None:
        """What a tag of a followed registry is, and since when; None where it does not say."""
        return self.says(name, tag) if self.follows else None

    def says(self, name: Repository, tag: str) -> Stands | None:
        """The same of any registry."""
        query = urlencode({"repository": name.name, "tag": tag})
        return told.stands(self._connected(), f"/tags/moved?{query}", known=self.follows)

    def close(self) -> None:
        """Give the connections back."""
        with self._lock:
            if self._http is not None:
                self._http.close()

    def abort(self) -> None:
        """Cut off whoever waits for something from there, and let nobody begin."""
        self._login.abort()
        if self._http is not None:
            self._http.give_up()
        for way in self._ways.values():
            way.abort()

    def _connected(self) -> Http:
        with self._lock:
            if self._http is None:
                self._http = self._open()
            http = self._http
        http.log_in_as(self._login())  # renewed, where it ends
        return http

    def _open(self) -> Http:
        from entrepot.upstream import guarded

        self._ways = guarded.ways_by(self._rule.ca, self._allow)
        return Http(
            self._rule.url,
            attempts=_ATTEMPTS,
            timeout=_READ_SECONDS,
            total=_TOTAL_SECONDS,
            ways=self._ways,
        )
