"""`Remote`: an upstream as this process asks it: logged in, under rules, and spared while it fails.

What it is asked runs in threads. Next: `breaker` says when to ask; `upstream.http` asks.
"""

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from entrepot.addresses import Network
from entrepot.db.upstreams import Upstream
from entrepot.oci.names import Repository
from entrepot.upstream.access import Credential
from entrepot.upstream.cache.breaker import Breaker
from entrepot.upstream.cache.budget import Budget
from entrepot.upstream.cache.failing import Failing
from entrepot.upstream.cache.leases import heard
from entrepot.upstream.clouds.login import login_of
from entrepot.upstream.heads import MANIFESTS
from entrepot.upstream.http import Http
from entrepot.upstream.place import BrokenError, RefusedError, UpstreamError
from entrepot.upstream.readable import ReadableRepository

if TYPE_CHECKING:
    from entrepot.upstream.guarded import Way

T = TypeVar("T")

READ_SECONDS = 15.0
"""For which it may send nothing, before it counts as broken."""
TOTAL_SECONDS = 60.0
"""That an answer may take which is no blob's."""
_ASKS, _FETCHES = 8, 8
"""At once, of one upstream; as many blobs that are large, and as many that are not."""
_LARGE = 32 * 1024 * 1024
"""Bytes from which on a blob is."""
_PATIENCE = 2.0
BUSY = 429
_ATTEMPTS = 2
_DOCKER_HUB = {"docker.io", "index.docker.io", "registry-1.docker.io"}


_log = logging.getLogger("entrepot.cache")


class RestingError(BrokenError):
    """It failed so often, or said so, that it is not asked for a while."""


class Remote:
    """One upstream, as its row says."""

    def __init__(self, row: Upstream, allow: tuple[Network, ...]) -> None:
        self.row = row
        self._allow = allow
        self._asking = ThreadPoolExecutor(_ASKS, "entrepot-upstream")
        self._light = ThreadPoolExecutor(_FETCHES, "entrepot-fetch")
        self._heavy = ThreadPoolExecutor(_FETCHES, "entrepot-fetch-large")
        self._http: Http | None = None
        self._lock = threading.Lock()
        self._asked = 0
        """How many questions are under way."""
        self._retired = False
        self._ways: Mapping[str, Way] = {}
        self.host = urlsplit(row.url).netloc
        self._breaker = Breaker()
        self._told = False
        """Whether the log knows that it fails."""
        self.budget = Budget()
        self._login = login_of(row, allow)
        self._refused = Failing()
        """Whether the login is."""

    @property
    def trouble(self) -> str:
        """Why it is not asked at present, or not logged in at; "" where it is."""
        now = time.monotonic()
        refused = self._refused.why if self._refused.seconds(now) else ""
        return self._login.trouble or self._breaker.trouble(now) or refused

    @property
    def resting_seconds(self) -> float:
        """For how long it has been left alone, or failed each time; 0 where it works."""
        return self._breaker.seconds(time.monotonic())

    @property
    def refused_seconds(self) -> float:
        """For how long it has given or taken no login of ours; 0 where it does."""
        return self._refused.seconds(time.monotonic())

    @property
    def answers_heads(self) -> bool:
        """Whether manifests are to be asked for by HEAD, as far as this process knows."""
        return self._http is None or self._http.heads.are_answered(MANIFESTS)

    def name_there(self, repository: Repository) -> Repository:
        """What one of our repositories is called there; "" for one called as the project is."""
        name = repository.name.partition("/")[2]
        short = name and self.has_library and "/" not in name
        return Repository(f"library/{name}" if short else name)

    @property
    def has_library(self) -> bool:
        """Whether it is Docker Hub, whose short names mean those in `library/`."""
        hosts = {urlsplit(self.row.url).hostname, *self.row.hosts}
        return bool(hosts & _DOCKER_HUB)

    def fetching(self, size: int) -> Executor:
        """Where a blob of so many bytes comes in: those that hang hold up no question, and no other
        upstream; and those that take hours, none that is small.
        """
        return self._light if size < _LARGE else self._heavy

    async def ask(
        self,
        repository: Repository,
        work: Callable[[ReadableRepository], T],
    ) -> T:
        """Have something of one of our repositories asked there. Raises `UpstreamError`."""
        self.check(repository)
        loop = asyncio.get_running_loop()
        turn = partial(self._in_turn, time.monotonic(), repository, work)
        asked = loop.run_in_executor(self._asking, turn)
        asked.add_done_callback(heard)  # also where nobody waits for it any more
        return await asyncio.shield(asked)

    def _in_turn(
        self, since: float, repository: Repository, work: Callable[[ReadableRepository], T]
    ) -> T:
        self.check_turn(since)
        return self.do(repository, work)

    def check_turn(self, since: float) -> None:
        """Raise `RestingError` for what was in line already when it turned out that it fails:
        each would wait as long as the ones before.
        """
        rests = self._breaker.broke(since, time.monotonic())
        if rests:
            raise self._resting(rests)

    def missed(self, repository: Repository, why: str) -> None:
        """It took longer than somebody would wait."""
        now = time.monotonic()
        self._breaker.failed(now, f"{self.host} {why}", repository=repository.name)
        self._tell()

    def check(self, repository: Repository) -> None:
        """Raise `RestingError` where it is not to be asked for one of our repositories now."""
        rests = self._breaker.rests(time.monotonic(), repository.name)
        if rests:
            raise self._resting(rests)

    def _resting(self, seconds: float) -> RestingError:
        why = f"{self._breaker.why}; it is left alone for {math.ceil(seconds)} s"
        return RestingError(why, seconds, self._breaker.status)

    def check_budget(self) -> None:
        """Raise `RestingError` where it allows no more pulls now."""
        rests = self.budget.rests(time.monotonic())
        if rests:
            raise RestingError(f"{self.host} allows no more pulls at present", rests, BUSY)

    def do(self, repository: Repository, work: Callable[[ReadableRepository], T]) -> T:
        """The same in a thread, however it does and however long that takes."""
        try:
            with self._opened(repository) as there:
                found = work(there)
        except BrokenError as error:
            self._failed(repository, error)
            raise
        except UpstreamError as error:
            self._answered()
            if isinstance(error, RefusedError) and error.login:
                self._refused.failed(time.monotonic(), error.bare)
            raise
        self._succeeded()
        return found

    def _succeeded(self) -> None:
        if not self._login.trouble:
            self._refused.succeeded()
        self._answered()

    def _answered(self) -> None:
        self._breaker.succeeded()
        if self._told:
            self._told = False
            _log.info("project %s: %s answers again", self.row.project, self.host)

    def _failed(self, repository: Repository, error: BrokenError) -> None:
        now = time.monotonic()
        self._breaker.failed(now, str(error), error.status, repository.name)
        if error.wait:
            self._breaker.told(now, error.wait, str(error))
        self._tell()

    def _tell(self) -> None:
        """Say in the log that it is left alone: once, and not for each who asks meanwhile."""
        why = self._breaker.trouble(time.monotonic())
        if why and not self._told:
            self._told = True
            _log.warning("project %s serves what it has: %s", self.row.project, why)

    @contextmanager
    def _opened(self, repository: Repository) -> Iterator[ReadableRepository]:
        credential = self._credential()
        with self._lock:
            if self._http is None:
                self._http = self._open()
            http = self._http
            self._asked += 1
        http.log_in_as(credential)
        try:
            yield ReadableRepository(http, self.name_there(repository))
        finally:
            with self._lock:
                self._asked -= 1
                self._let_go()

    def _credential(self) -> Credential | None:
        """Why there is none may name the server's own role, and is for `trouble` alone."""
        why = f"{self.host}: this registry gets no login for it"
        try:
            return self._login()
        except BrokenError:
            raise BrokenError(why) from None
        except UpstreamError:
            raise RefusedError(why) from None
        finally:
            if self._login.trouble:
                self._refused.failed(time.monotonic(), self._login.trouble)

    def _open(self) -> Http:
        from entrepot.upstream import guarded

        self._ways = guarded.ways_by(self.row.ca, self._allow)
        return Http(
            self.row.url,
            attempts=_ATTEMPTS,
            timeout=READ_SECONDS,
            patience=_PATIENCE,
            total=TOTAL_SECONDS,
            ways=self._ways,
            hear=lambda headers: self.budget.hear(headers, time.monotonic()),
        )

    def retire(self) -> None:
        """Give the connections back, once what is under way has ended."""
        with self._lock:
            self._retired = True
            self._let_go()

    def _let_go(self) -> None:
        if self._retired and not self._asked and self._http is not None:
            self._http.close()
            self._http = None

    def close(self) -> None:
        """Cut off what is under way, and begin nothing more."""
        self._login.abort()
        for way in self._ways.values():
            way.abort()
        for threads in (self._asking, self._light, self._heavy):
            threads.shutdown(wait=False, cancel_futures=True)
        self.retire()
