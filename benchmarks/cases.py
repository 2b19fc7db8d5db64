"""What is measured, and the rounds: case after case, every peer in turn, servers new each round."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from . import encrypted, latency, logins, memory, promotions, pushes, transfers, versions, wrk
from .content import Content
from .peers import SUBJECT, Peer
from .server import Server
from .stock import ACCEPT, Stock, fill

Values = dict[str, float]
Say = Callable[[str], None]
"""Prints a line of rich's markup."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every case is given."""

    content: Content
    stock: Stock
    seconds: float
    """Length of a run that has no end of its own."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The figures of one case, of one peer, in one round."""

    case: str
    peer: str
    turn: int
    values: Values
    """By metric, see `bars.METRICS`."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that is measured."""

    name: str
    run: Callable[[Server, Bench], Values]
    pushes: bool = False
    """Only for those who take pushes."""
    also: tuple[str, ...] = ()
    """Further peers, which are in no case that does not name them."""

    alone: bool = False
    """Only for Entrepot: the peers run without logins."""

    def fits(self, peer: Peer) -> bool:
        """Whether this peer takes part."""
        if peer.name in EXTRA:
            return peer.name in self.also
        if self.alone:
            return peer.name == SUBJECT
        return peer.registry or not self.pushes


EXTRA = ("nginx-2w",)


def _manifest(server: Server, bench: Bench) -> Values:
    return wrk.get(server, bench.stock.manifest_path, bench.seconds, ACCEPT)


def _blob(server: Server, bench: Bench) -> Values:
    return wrk.get(server, bench.stock.small_path, bench.seconds)


def _get(at_once: int, *, cold: bool = False) -> Callable[[Server, Bench], Values]:
    def run(server: Server, bench: Bench) -> Values:
        path, size = bench.stock.large_path, bench.content.size
        return transfers.download(server, path, size, at_once=at_once, cold=cold)

    return run


def _push(at_once: int, *, chunked: bool) -> Callable[[Server, Bench], Values]:
    def run(server: Server, bench: Bench) -> Values:
        window = transfers.upload(server, bench.content, at_once=at_once, chunked=chunked)
        return window.transfer(bench.content.size * at_once)

    return run


CASES = (
    # First, while the memory that nothing has used yet cannot be used for it.
    Case("stalled-uploads", lambda s, b: memory.stalled_uploads(s, b.content), pushes=True),
    Case("stalled-downloads", lambda s, b: memory.stalled_downloads(s, b.stock.large_path)),
    Case("manifest", _manifest),
    Case("manifest-token", lambda s, b: logins.with_token(s, b.stock.manifest_path), alone=True),
    Case("manifest-basic", lambda s, b: logins.with_basic(s, b.stock.manifest_path), alone=True),
    Case("manifest-private", lambda s, b: logins.private(s, b.seconds), alone=True),
    Case("token", lambda s, b: logins.tokens(s, b.seconds), alone=True),
    Case("blob", _blob),
    Case("get-1", _get(1)),
    Case("get-4", _get(4), also=("nginx-2w",)),
    Case("get-cold", _get(1, cold=True)),
    Case("get-encrypted", lambda s, b: encrypted.download(s, b.content, b.stock), alone=True),
    Case("push-1", _push(1, chunked=False), pushes=True),
    Case("push-4", _push(4, chunked=False), pushes=True),
    Case("push-chunked-1", _push(1, chunked=True), pushes=True),
    Case("push-chunked-4", _push(4, chunked=True), pushes=True),
    Case("small-push", lambda s, b: pushes.small_images(s, b.seconds), pushes=True),
    Case(
        "head", lambda s, b: latency.under_pushes(s, b.stock.manifest_path, b.content), pushes=True
    ),
    Case("versions", lambda s, _: versions.pages(s), alone=True),
    Case("versions-pushed", lambda s, _: versions.after_push(s), alone=True),
    Case("promotion", lambda s, b: promotions.promote(s, b.seconds), alone=True),
    Case("memory", lambda s, _: memory.idle(s)),
    Case("start", lambda s, _: memory.restart(s)),
)
LISTINGS = "listings"
BACKUPS = "backup"


def select(only: list[str]) -> list[Case]:
    """Return the cases so named, or whose names begin so; all of them when none is named."""
    return [
        case
        for case in CASES
        if not only or any(f"{case.name}-".startswith(f"{name}-") for name in only)
    ]


def run_round(
    turn: int, peers: list[Peer], cases: list[Case], bench: Bench, folder: Path, say: Say
) -> list[Sample]:
    """Start every peer on an empty folder, measure each case on each in turn, remove them."""
    order = peers[turn % len(peers) :] + peers[: turn % len(peers)]
    taking_part = [peer for peer in order if any(case.fits(peer) for case in cases)]
    servers = [Server(peer, folder / f"{turn}-{peer.name}") for peer in taking_part]
    samples = []
    try:
        for server in servers:
            server.start()
            fill(server, bench.stock, bench.content)
        for case in cases:
            for server in servers:
                if case.fits(server.peer):
                    samples += _measure(case, server, bench, turn, say)
    finally:
        for server in servers:
            server.remove()
    return samples


def _measure(case: Case, server: Server, bench: Bench, turn: int, say: Say) -> list[Sample]:
    """Return its figures, or none when the server failed at it, which is said."""
    try:
        values = case.run(server, bench)
    except (RuntimeError, OSError) as problem:
        say(f"  [red]{case.name} failed on {server.peer.name}: {escape(str(problem))}")
        return []
    shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
    say(f"  {case.name:18} {server.peer.name:16} {shown}")
    return [Sample(case.name, server.peer.name, turn, values)]
