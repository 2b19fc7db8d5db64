"""`Place`: where an object store is. Next: `blobstore.clients` goes there."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

Addressing = Literal["auto", "path", "virtual"]
"""Where the bucket's name stands in a URL: in the path, or before the host."""

SCHEMES = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}

_WANTED = "write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, the names in it that are ours, and how to get there."""

    scheme: str
    bucket: str
    prefix: str = ""
    endpoint: str = ""
    """https://HOST[:PORT]; the provider's own where it is empty."""
    region: str = ""
    ca: Path | None = None
    """Whom to trust beside the system's CAs."""
    addressing: Addressing = "auto"
    signed_seconds: int = 900
    """How long URLs are good that are made for clients."""
    memory: int = 1024**3
    """Bytes that may wait to be sent there."""

    @classmethod
    def parse(cls, url: str) -> "Place":
        """Read a URL of a store. Raises ValueError."""
        parts = urlsplit(url)
        named = parts.scheme in SCHEMES and parts.hostname
        if not named or parts.netloc != parts.hostname or parts.query or parts.fragment:
            raise ValueError(_WANTED)
        prefix = parts.path.strip("/")
        if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
            raise ValueError("a prefix has names with single slashes between them")
        return cls(parts.scheme, parts.netloc, prefix)

    def __str__(self) -> str:
        prefix = f"/{self.prefix}" if self.prefix else ""
        return f"{self.scheme}://{self.bucket}{prefix}"

    @property
    def plain(self) -> bool:
        """Whether it was said that no TLS is wanted."""
        return self.endpoint.startswith("http://")

    @property
    def by_path(self) -> bool:
        """Whether the bucket's name goes into the path: what stores of one's own want, and what a
        name with a dot needs, for which no certificate is good.
        """
        if self.addressing == "auto":
            return bool(self.endpoint) or "." in self.bucket
        return self.addressing == "path"
