"""`Source` and `Target`: where images are read from and written to, whatever that is.

Both are for one repository, and any thread may use them. Bytes on the way are checked against
their digest by `copying`, never here. Next: `registry`, `layout`, `docker_archive` are such places.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.redaction import redacted

_number = re.compile(r"^\[Errno -?\d+\] ")
"""What the system puts before its words, and nobody reads."""
_tls = re.compile(r"\[SSL: \w+\] |\[SSL\] | \(_ssl\.c:\d+\)")
"""The same, of TLS."""
_STRANGERS = ("self-signed certificate", "self signed certificate", "unable to get local issuer")

CHUNK = 1024 * 1024
"""Bytes that are read at once."""


class UpstreamError(Exception):
    """What another place could not do, in words that say what to do about it."""


class UnknownError(UpstreamError):
    """It does not have what was asked for."""

    def __init__(self, message: str, *, sure: bool = True, said: str = "") -> None:
        super().__init__(message)
        self.said = said
        """Its own words, where it has some."""
        self.sure = sure
        """Whether a registry said so: a proxy before one that is gone may answer 404, too."""


class RefusedError(UpstreamError):
    """It wants another login, or none will do."""

    def __init__(self, message: str, advice: str = "", *, login: bool = False) -> None:
        super().__init__(f"{message}; {advice}" if advice else message)
        self.bare = message
        """Without what a person at a desk is to do."""
        self.login = login
        """Whether it takes the login for nobody's, whatever one asks for."""


class UnclearError(UpstreamError):
    """It does not understand what it was asked, as one that knows no such list: 400, 406."""


class MethodError(UnclearError):
    """It does not know what it was asked to do, such as HEAD, or to send a part: 405, 416, 501."""


class HeldError(UpstreamError):
    """A tag is not moved there, whoever asks: it is immutable, or a channel, or floats."""


class BrokenError(UpstreamError):
    """It broke off, or is busy: another attempt may do."""

    def __init__(self, message: str, wait: float = 0, status: int = 0) -> None:
        super().__init__(message)
        self.wait = wait
        """Seconds after which to try again, where it said so."""
        self.status = status
        """What it answered; 0 where it did not."""


class ReferrersError(BrokenError):
    """It does not say now what refers to an image, which it has."""


class UnreachableError(BrokenError):
    """Nobody answers there, or not to the end."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Some content that a manifest names."""

    digest: Digest
    size: int


class Source(Protocol):
    """Where images are read from."""

    def manifest(self, reference: str) -> Manifest:
        """By tag or digest. Raises `UnknownError`, `UpstreamError`."""

    def blob(self, blob: Blob, start: int = 0) -> Iterator[bytes]:
        """Its bytes, from one on. Raises `UnknownError`, `BrokenError`, also on the way."""

    def referrers(self, digest: Digest) -> list[Digest]:
        """Manifests whose subject this one is."""

    def named_after(self, digest: Digest) -> list[str]:
        """Tags by which cosign attaches signatures and the like to a manifest."""

    def tags(self) -> list[str]:
        """All of them."""


class Target(Protocol):
    """Where images are written to."""

    def has_manifest(self, digest: Digest) -> bool:
        """Whether it is there."""

    def has_blob(self, blob: Blob) -> bool:
        """Whether it is there."""

    def mount(self, blob: Blob, source: Source) -> bool:
        """Have what is in the source already, without moving a byte; whether that could be."""

    def put_blob(self, blob: Blob, content: Iterator[bytes]) -> None:
        """Write it. What the content raises on the way leaves nothing behind."""

    def put_manifest(self, manifest: Manifest, tag: str = "") -> None:
        """Write it, once all its parts are there."""


def reason(error: Exception) -> str:
    """Why a connection failed, in words that say what to do about it."""
    text = _number.sub("", str(error)) or type(error).__name__
    if "WRONG_VERSION_NUMBER" in text:
        return "no TLS is spoken there, but plain http"
    hint = "; a private CA is named by --ca FILE" if any(x in text for x in _STRANGERS) else ""
    return told(_tls.sub("", text)) + hint


def told(text: str, most: int = 300) -> str:
    """What others wrote, fit to be shown: without secrets, and so that no terminal is misled."""
    text = redacted(text[:most])
    return text if text.isprintable() else ascii(text)[1:-1]


def parsed(content: bytes) -> Any:
    """JSON that others wrote. Raises ValueError."""
    try:
        return json.loads(content)
    except RecursionError:  # the parser counts the levels itself
        raise ValueError("its levels are too many") from None
