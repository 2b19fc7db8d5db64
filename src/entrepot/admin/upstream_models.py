"""What comes and goes about upstreams, and what a field may be. Next: `admin.upstreams`."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from entrepot import addresses
from entrepot.admin.page import Model, Pattern
from entrepot.admin.projects import ProjectName
from entrepot.auth import pattern
from entrepot.auth.oidc.answer import OutboundError
from entrepot.auth.oidc.outbound import trust
from entrepot.db.upstreams import Kind
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Tag

_PAGES = {"docker.io", "hub.docker.com", "www.docker.com"}


def _url(text: str) -> str:
    found = addresses.url(text)
    parts = urlsplit(found)
    if parts.hostname in _PAGES:
        raise ValueError("the registry of Docker Hub is https://registry-1.docker.io")
    if parts.scheme == "http" and not addresses.is_this_machine(parts.netloc):
        raise ValueError("write https://HOST: without TLS only this machine itself is asked")
    return found


def _host(text: str) -> str:
    name = text.lower()
    if addresses.read_host(name) is None or not (set(name) & set(".:") or name == "localhost"):
        raise ValueError("write HOST or HOST:PORT, such as docker.io")  # others are projects' names
    return name


def _pin(text: str) -> str:
    of, colon, tag = text.partition(":")
    pattern.parse(of)
    if colon:
        _check_tag(tag)
    return text


def _check_tag(text: str) -> None:
    """All of a tag, or its beginning with a *."""
    if text != pattern.ANY:
        try:
            Tag.parse(text.removesuffix(pattern.ANY))
        except OCIError as error:
            raise ValueError(error.message) from None


def _ca(text: str) -> str:
    try:
        trust(text or None)
    except OutboundError as error:
        raise ValueError(str(error)) from None
    return text


Url = Annotated[str, Field(max_length=2048), AfterValidator(_url)]
Hosts = Annotated[list[Annotated[str, AfterValidator(_host)]], Field(max_length=100)]
Patterns = Annotated[list[Pattern], Field(max_length=100)]
Pins = Annotated[list[Annotated[str, AfterValidator(_pin)]], Field(max_length=100)]
Seconds = Annotated[float, Field(ge=0, le=30 * 24 * 3600)]
Size = Annotated[int, Field(ge=1, le=2**62)]
Login = Annotated[str, Field(max_length=1000)]
Password = Annotated[SecretStr, Field(max_length=64 * 1024)]
Ca = Annotated[str, Field(max_length=64 * 1024), AfterValidator(_ca)]


class NewUpstream(Model):
    """Another registry, and the project that is to stand for it, which is made where need be."""

    project: ProjectName
    url: Url
    """https://HOST[:PORT] of the registry itself."""
    hosts: Hosts = Field(default_factory=list)
    """Under which names nodes ask for its images; the host of the URL where there are none, or
    docker.io for Docker Hub's.
    """
    kind: Kind = Kind.PLAIN
    """ecr and google for Amazon's and Google's, whose logins are traded for others, and renewed."""
    login: Login = ""
    """A user's name there; of ecr, an access key's id; of google, what its key says."""
    password: Password = SecretStr("")
    """The user's; of ecr, the access key's secret; of google, a service account's key, in JSON.

    Of both, where there is none, the server's own identity logs in.
    """
    ca: Ca = ""
    """PEM of a private CA, in place of the system's."""
    tag_seconds: Seconds = 300
    """After which a tag is compared with the registry again."""
    allow: Patterns = Field(default_factory=list)
    """Which of its repositories may be fetched, by their names there; all where there are none."""
    deny: Patterns = Field(default_factory=list)
    """Which may not."""
    pinned: Pins = Field(default_factory=list)
    """Which are never given up, when the project's quota is nearly used up; maybe with a tag or the
    beginning of one: library/nginx:1.29*
    """
    largest: Size | None = None
    """Bytes of an image; null for no limit."""
    adopt: bool = False
    """Whether images that the project has count as kept from there, and are given up as such."""
    everything: bool = False
    """Whether all platforms are fetched with an index."""


class UpstreamChange(Model):
    """What to change; what is left out stays."""

    url: Url | None = None
    hosts: Hosts | None = None
    login: Login | None = None
    password: Password | None = None
    ca: Ca | None = None
    tag_seconds: Seconds | None = None
    allow: Patterns | None = None
    deny: Patterns | None = None
    pinned: Pins | None = None
    largest: Size | None = None
    """Null takes the limit away."""
    everything: bool | None = None


class Upstream(Model):
    """An upstream as shown; never with its password."""

    project: str
    url: str
    hosts: list[str]
    kind: Kind
    login: str
    has_password: bool
    ca: str
    tag_seconds: float
    allow: list[str]
    deny: list[str]
    pinned: list[str]
    largest: int | None
    everything: bool
    trouble: str
    """Why it is not asked at present, or not logged in at, as the process that answers knows; ""
    where it is.
    """
    trouble_since: datetime | None
    """Since when it does not answer, or lets us not in; null where it does."""
    pulls_left: int | None
    """How many more it allows, as it said last to the process that answers."""
    created_at: datetime | None
    created_by: str
