"""Evidence: what a repository holds that claims to be the signature of an image. Values alone.

Nothing in here is believed; next: `found` reads it from the repository, `judge` says what it is
worth.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TypeAlias

LARGEST = 32 * 1024
"""Characters of what one signature has in annotations: certificates and the like."""


JOSE, COSE = "application/jose+json", "application/cose"
"""Envelopes of notation."""


class EvidenceError(Exception):
    """It is not well-formed, or not what it should be; the text says why."""


class Format(StrEnum):
    """How a signature is written."""

    COSIGN = "cosign"
    BUNDLE = "sigstore bundle"
    NOTATION = "notation"


@dataclass(frozen=True, slots=True)
class Simple:
    """What cosign writes: a payload of its own ("simple signing"), the rest in annotations."""

    payload: bytes
    signature: str
    """Base64."""
    certificate: str = ""
    """PEM, of a keyless signature."""
    chain: str = ""
    log: str = ""
    """JSON: the entry in the transparency log, promised by it."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A sigstore bundle: JSON with a DSSE envelope and all that it takes to verify it."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """What notation writes: a JWS or a COSE envelope."""

    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that says that it is a signature, and cannot be read as one."""

    why: str


Evidence: TypeAlias = Simple | Bundle | Envelope | Unreadable


@dataclass(frozen=True, slots=True)
class Signature:
    """A piece of evidence, and where it lies."""

    manifest: str
    """The digest of the manifest that carries it."""
    format: Format
    evidence: Evidence


_BYTES = {"payload", "content"}
_KINDS = {cls.__name__.lower(): cls for cls in (Simple, Bundle, Envelope, Unreadable)}


def document(evidence: Evidence) -> dict[str, str]:
    """Evidence as JSON has it; bytes are base64."""
    given = {each.name: getattr(evidence, each.name) for each in fields(evidence)}
    said = {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in given.items()
    }
    return {"kind": type(evidence).__name__.lower(), **said}


def read(said: Mapping[str, str]) -> Evidence:
    """Evidence from such a document. Raises EvidenceError."""
    given = dict(said)
    try:
        kind = _KINDS[given.pop("kind")]
        for name in _BYTES & given.keys():
            given[name] = base64.b64decode(given[name], validate=True)  # type: ignore[assignment]
        return kind(**given)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError):
        raise EvidenceError("this is no evidence") from None
