"""What comes and goes about replications. Next: `admin.replications`."""

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from entrepot.admin.page import Glob, Model, Name, Pattern
from entrepot.admin.upstream_models import Ca, Login, Password, Url
from entrepot.db.replication_tags import State
from entrepot.db.replications import Direction
from entrepot.db.upstreams import Kind
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository
from entrepot.versions.ranges import Range
from entrepot.versions.version import Scheme

DAY, MINUTES = 24 * 3600.0, 300.0
"""Seconds between two compares, where nobody says: by a rule that pushes, and one that pulls."""


def _versions(text: str) -> str:
    if text:
        Range.parse(text, Scheme.SEMVER)
    return text


def _target(text: str) -> str:
    try:
        return Repository.parse(text).name if text else ""
    except OCIError as error:
        raise ValueError(error.message) from None


Target = Annotated[str, AfterValidator(_target)]
Tags = Annotated[list[Glob], Field(max_length=100)]
Versions = Annotated[str, Field(max_length=256), AfterValidator(_versions)]
Rate = Annotated[int, Field(ge=1024, le=2**40)]
Every = Annotated[float, Field(ge=1, le=365 * DAY)]


class NewReplication(Model):
    """A rule to be made. It first compares all that is there, and copies what is missing."""

    name: Name
    direction: Direction = Direction.PUSH
    """Whether this registry copies to the other one, or from it."""
    url: Url
    """https://HOST[:PORT] of the other registry."""
    kind: Kind = Kind.PLAIN
    """How to log in there; what login and password then are is the same as for upstreams."""
    login: Login = ""
    """A user's name there."""
    password: Password = SecretStr("")
    ca: Ca = ""
    """PEM of a private CA, in place of the system's."""
    pattern: Pattern
    """Repositories, by their names at the source."""
    target: Target = ""
    """What comes before these names at the other end."""
    tags: Tags = Field(default_factory=list)
    """Only these tags, and those of the versions; all where neither is said."""
    versions: Versions = ""
    """A range of versions, such as ^1.2."""
    referrers: bool = True
    """Whether signatures and whatever else refers to an image go with it."""
    deletions: bool = False
    """Whether what was copied is deleted where the source deletes it."""
    rate: Rate | None = None
    """Bytes a second; null for no limit."""
    every: Every | None = None
    """Seconds between two compares of everything."""
    paused: bool = False


class ReplicationChange(Model):
    """What to change; what is left out stays. What a rule copies is said when it is made."""

    url: Url | None = None
    login: Login | None = None
    password: Password | None = None
    ca: Ca | None = None
    tags: Tags | None = None
    versions: Versions | None = None
    referrers: bool | None = None
    deletions: bool | None = None
    rate: Rate | None = None
    """Null takes the limit away."""
    every: Every | None = None
    paused: bool | None = None


class Replication(Model):
    """A rule as shown, and how it stands; never with its password."""

    name: str
    direction: Direction
    url: str
    kind: Kind
    login: str
    has_password: bool
    ca: str
    pattern: str
    target: str
    tags: list[str]
    versions: str
    referrers: bool
    deletions: bool
    rate: int | None
    every: float
    paused: bool
    created_at: datetime | None
    created_by: str


class Replicated(Replication):
    """The same with how far it is."""

    lag: float
    """Seconds since the oldest change that has not arrived; 0 where all have."""
    waiting: int
    """Tags that are to be copied."""
    failing: int
    """Of those, tags that were tried and failed."""
    conflicts: int
    """Tags that differ, and are to."""
    done: int
    """Tags that are the same at both ends, as far as is known."""
    follows: bool
    """Whether it hears of each change of the other registry at once; one that pulls."""
    compared_at: datetime | None
    """When the last compare of everything began that came to its end."""
    error: str
    """The last trouble; "" where there is none."""


class ReplicatedTag(Model):
    """How a tag stands."""

    repository: str
    """Its name here."""
    tag: str
    state: State
    gone: bool
    """Whether the source has it no more."""
    digest: str
    """That both ends had last."""
    since: datetime | None
    attempts: int
    next_at: datetime | None
    error: str
    done_at: datetime | None
