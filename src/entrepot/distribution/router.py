"""The router: a path becomes one typed `Route`, once. Nobody behind it sees a raw name.

Source: OCI Distribution Specification, "Endpoints".
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Reference, Repository, parse_reference


class Kind(StrEnum):
    """What a path leads to; also the label `route` of the metrics."""

    BASE = "base"
    CATALOG = "catalog"
    TAGS = "tags"
    MANIFEST = "manifest"
    BLOB = "blob"
    UPLOADS = "uploads"
    UPLOAD = "upload"
    REFERRERS = "referrers"
    HOME = "home"
    LIVEZ = "livez"
    READYZ = "readyz"
    METRICS = "metrics"
    TOKEN = "token"  # noqa: S105 - a route
    KEYS = "keys"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Route:
    """A path, read. The fields that its kind has are set; the properties insist on them."""

    kind: Kind
    name: Repository | None = None
    what: Reference | None = None
    upload: str = ""

    @property
    def repository(self) -> Repository:
        """The repository in the path."""
        assert self.name is not None
        return self.name

    @property
    def reference(self) -> Reference:
        """The tag or digest in the path."""
        assert self.what is not None
        return self.what

    @property
    def digest(self) -> Digest:
        """The digest in the path, for kinds that take no tag."""
        assert isinstance(self.what, Digest)
        return self.what


_FIXED = {
    "/": Route(Kind.HOME),
    "/v2": Route(Kind.BASE),
    "/v2/": Route(Kind.BASE),
    "/v2/_catalog": Route(Kind.CATALOG),
    "/livez": Route(Kind.LIVEZ),
    "/readyz": Route(Kind.READYZ),
    "/metrics": Route(Kind.METRICS),
    "/token": Route(Kind.TOKEN),
    "/.well-known/jwks.json": Route(Kind.KEYS),
}

# The name is taken greedily, since its parts may be called `blobs` or `manifests` too; it is
# checked by its own grammar afterwards, so that a wrong name gets the error that says so.
_match = re.compile(
    r"/v2/(?P<name>[^?]+)/(?:"
    r"manifests/(?P<reference>[^/]+)"
    r"|blobs/uploads/(?P<upload>[^/]+)"
    r"|blobs/(?P<uploads>uploads/?)"
    r"|blobs/(?P<digest>[^/]+)"
    r"|tags/(?P<tags>list)"
    r"|referrers/(?P<subject>[^/]+)"
    r")"
).fullmatch

_upload = re.compile(r"[0-9a-f]{32}").fullmatch


def route(path: str) -> Route:
    """Read a path. Raises `OCIError` for one that leads nowhere or is badly written."""
    if found := _FIXED.get(path):
        return found
    match = _match(path)
    if match is None:
        raise OCIError(Code.NOT_FOUND, f"nothing is served at {path[:200]!r}; the API is at /v2/")
    name = Repository.parse(match["name"])
    part, text = match.lastgroup, match[match.lastgroup or 0]
    if part == "reference":
        return Route(Kind.MANIFEST, name, parse_reference(text))
    if part == "upload":
        return Route(Kind.UPLOAD, name, upload=_upload_id(text))
    if part == "uploads":
        return Route(Kind.UPLOADS, name)
    if part == "tags":
        return Route(Kind.TAGS, name)
    kind = Kind.BLOB if part == "digest" else Kind.REFERRERS
    return Route(kind, name, Digest.parse(text))


def _upload_id(text: str) -> str:
    if not _upload(text):
        raise OCIError(Code.BLOB_UPLOAD_UNKNOWN, "not an upload's id: start an upload with POST")
    return text
