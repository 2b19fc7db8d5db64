"""Resolved references: answers that lie ready. Next: `fast`, which hands them out.

A cache in each worker, from the target of a request to its whole answer. It is no authority: the
log of changes says what to drop (`db.log`), and no answer is kept that was read while something
changed.
"""

import math
import time
from dataclasses import dataclass

from entrepot.db.changes import Kind
from entrepot.db.database import Database
from entrepot.db.log import EVERYTHING
from entrepot.distribution.asgi import Header
from entrepot.distribution.conditions import etag
from entrepot.distribution.request import Request
from entrepot.distribution.response import API_VERSION

MAX_ANSWER = 64 * 1024
"""Bytes of an answer that is worth keeping."""

MAX_TOTAL = 24 * 1024 * 1024
"""Bytes of all answers in one worker; the oldest go first."""

_OVERHEAD = 1024


@dataclass(slots=True)
class Answer:
    """Content that was resolved, with the headers of its answer."""

    repository: str
    digest: str
    media_type: str
    content: bytes
    headers: list[Header]
    route: str
    """The label `route` of the metrics."""
    negotiable: bool = False
    """Whether another answer is possible for a client that does not accept this one."""
    status: int = 200
    until: float = math.inf
    """By `time.perf_counter`, how long it is good."""
    head: bytes = b""
    """The headers as they go over the wire, with the blank line behind them."""
    accepted_by: bytes = b""
    """What an Accept header says that takes this content."""

    def __post_init__(self) -> None:
        lines = [b"%b: %b\r\n" % header for header in (*self.headers, API_VERSION)]
        self.head = b"".join(lines) + b"\r\n"
        self.accepted_by = self.media_type.encode("latin-1")


def describe(digest: str, media_type: str, size: int) -> list[Header]:
    """The headers that manifests and blobs share."""
    text = digest.encode()
    return [
        (b"content-type", media_type.encode("latin-1")),
        (b"content-length", b"%d" % size),
        (b"docker-content-digest", text),
        (b"etag", etag(digest).encode()),
    ]


def _cost(target: bytes, answer: Answer) -> int:
    """About how many bytes of memory an answer takes."""
    return len(answer.content) + len(target) + _OVERHEAD


class Resolved:
    """The answers that lie ready in this worker."""

    def __init__(self, database: Database) -> None:
        self._log = database.log
        self._follow = database.log.follow
        self._answers: dict[bytes, Answer] = {}
        self._targets: dict[str, set[bytes]] = {}
        self._size = 0
        database.log.subscribe(self._changed)

    def _changed(self, kind: str, repository: str) -> None:
        """Forget whatever belongs to a repository that changed."""
        if kind == EVERYTHING:
            self._answers.clear()
            self._targets.clear()
            self._size = 0
        for name in self._meant(kind, repository):
            for target in list(self._targets.get(name, ())):
                self._drop(target)
        if kind == Kind.ACCESS:  # maybe a project stands for a registry that nobody knew
            for target in [each for each in self._answers if b"ns=" in each]:
                self._drop(target)

    def _meant(self, kind: str, repository: str) -> list[str]:
        """The repository that changed; all of a project, where what may be pulled there did."""
        if kind != Kind.ACCESS or not repository:
            return [repository]
        return [name for name in self._targets if name.partition("/")[0] == repository]

    def get(self, target: bytes) -> Answer | None:
        """The answer for a request's target, exactly as the client wrote it."""
        self._follow()
        return self._answers.get(target)

    def ready(self, request: Request) -> Answer | None:
        """The same, where whoever asks for the same target means the same by it."""
        return self.get(request.target.encode("latin-1")) if request.lasting else None

    def mark(self) -> int:
        """What `put` wants to know of the time before the answer was read."""
        self._follow()
        return self._log.state

    def keep(self, request: Request, answer: Answer, mark: int) -> None:
        """`put`, where whoever asks for the same target means the same by it."""
        if request.lasting:
            self.put(request.target.encode("latin-1"), answer, mark)

    def put(self, target: bytes, answer: Answer, mark: int) -> None:
        """Keep an answer that was read behind the `mark`, unless something changed since."""
        cost = _cost(target, answer)
        known = self._answers.get(target)
        now = time.perf_counter()
        if cost > MAX_ANSWER or answer.until <= now or (known is not None and known.until > now):
            return
        if not self._log.current or self._log.state != mark:
            return
        if known is not None:
            self._drop(target)
        while self._size + cost > MAX_TOTAL:
            self._drop(next(iter(self._answers)))
        self._answers[target] = answer
        self._targets.setdefault(answer.repository, set()).add(target)
        self._size += cost

    def _drop(self, target: bytes) -> None:
        answer = self._answers.pop(target)
        self._size -= _cost(target, answer)
        targets = self._targets[answer.repository]
        targets.discard(target)
        if not targets:
            del self._targets[answer.repository]
