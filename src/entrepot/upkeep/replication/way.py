"""`Way`: all that copies by one rule: both ends, a pace, and threads that share what they move."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from entrepot.addresses import Network
from entrepot.db import replicated
from entrepot.db.audit import By
from entrepot.db.replicated import Mark, Moved
from entrepot.db.replications import Replication
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository
from entrepot.upkeep.replication.far import Far
from entrepot.upkeep.replication.local import Local, LocalRepository
from entrepot.upkeep.replication.nearer import Nearer
from entrepot.upkeep.replication.pace import Pace
from entrepot.upkeep.replication.places import Places
from entrepot.upkeep.replication.wanted import Wanted
from entrepot.upstream.copying import Plan
from entrepot.upstream.place import RefusedError, Target, UpstreamError
from entrepot.upstream.registry import RegistryRepository
from entrepot.versions.reading import is_referrer

_MOST = 10_000
"""Repositories of which it is known what they were seen to have."""


@dataclass(frozen=True, slots=True)
class Here:
    """This registry, as it is the same for all rules."""

    local: Local
    origin: str
    """What it calls itself to others."""
    address: str
    """Where it is, as others are told; "" where it is not known."""
    allow: tuple[Network, ...]
    """Networks that are not global, and may be reached."""


@dataclass(slots=True)
class Way:
    """Made anew when the rule changes. Raises `UnreadableError`."""

    rule: Replication
    here: Here
    wanted: Wanted = field(init=False)
    far: Far = field(init=False)
    pace: Pace = field(init=False)
    places: Places = field(default_factory=Places)
    _seen: dict[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wanted = Wanted(self.rule)
        self.far = Far(self.rule, self.here.allow)
        self.pace = Pace(self.rule.rate)

    def close(self) -> None:
        """Stop what is under way; whoever waits for the other registry is told at once."""
        self.pace.stop.set()
        self.far.abort()

    @property
    def by(self) -> By:
        """Who does it, in the log of changes."""
        return By(f"replication:{self.rule.name}", via="replication")

    @property
    def reason(self) -> str:
        """What the end that is written to says about it."""
        return f"copied by {self.rule.name} from {self.here.address or self.here.origin}"

    def name_there(self, repository: str) -> Repository:
        """What one of our repositories is called in the other registry."""
        found = self.wanted.there(repository)
        if found is None:
            raise UpstreamError(f"{self.rule.target}/{repository} is too long a name")
        return found

    def mine(self, repository: str, mark: Callable[[str], Mark] | None = None) -> LocalRepository:
        """One of our repositories."""
        reason = f"copied from {self.rule.url}"
        return LocalRepository(self.here.local, Repository(repository), self.by, reason, mark)

    def theirs(self, repository: str, seen: frozenset[str] | None) -> RegistryRepository:
        """One of the other registry's, of which nothing is asked that is here, or was seen."""
        there = self.far.repository(self.name_there(repository))
        return Nearer(there, self.mine(repository).held, seen, in_order=self.far.follows)

    def see(self, repository: str, names: Iterable[str]) -> frozenset[str]:
        """Of the tags that one of theirs has, those that are made of digests."""
        if len(self._seen) >= _MOST:
            self._seen.clear()
        found = self._seen[repository] = frozenset(filter(is_referrer, names))
        return found

    def seen(self, repository: str) -> frozenset[str] | None:
        """The same as the last compare saw it, which puts in line what is copied; None where the
        other registry's log does that.
        """
        return None if self.far.follows else self._seen.get(repository)

    def moved(self, repository: str, tag: str) -> Moved | None:
        """What one of our tags is, and since when; None where it is not there."""
        return self.here.local.read(lambda db: replicated.moved(db, Repository(repository), tag))


def parts_of(plan: Plan) -> str:
    """A digest of all that belongs to an image: it changes when a signature comes."""
    names = sorted(f"{tag} {each.digest}" for tag, each in plan.names.items())
    digests = sorted(str(each.digest) for each in plan.manifests)
    return str(Digest.of("\n".join([*digests, *names]).encode()))


def why(error: Exception) -> str:
    """Why something failed. The login is the rule's, so nobody at a desk is told to log in."""
    if isinstance(error, RefusedError):
        return f"{error.bare}; see the login of this rule, and what it may do there"
    return str(error) or type(error).__name__


def missing(plan: Plan, target: Target, known: str | None = None) -> Plan:
    """What of an image is not at the target, where one digest is known to be, and the root."""
    lacks = tuple(
        each
        for each in plan.manifests
        if str(each.digest) != known and not target.has_manifest(each.digest)
    )
    return Plan(plan.root, lacks, plan.names)
