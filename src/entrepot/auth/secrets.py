"""Secrets that we make: `entrepot_pat_…`, `entrepot_rob_…` and so on, hashed for keeping.

256 random bits need no slow hash. The prefix and the checksum at the end let secret scanners tell
a leaked one from a random word without asking us.
"""

import hashlib
import secrets
import zlib

from entrepot.db.secrets import Kind

_PREFIXES = {
    Kind.PERSONAL: "entrepot_pat_",
    Kind.ROBOT: "entrepot_rob_",
    Kind.SESSION: "entrepot_ses_",
    Kind.REFRESH: "entrepot_ref_",
}
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LENGTH = 43
"""Characters of 62 that hold 256 bits."""
_CHECK = 6

PATTERN = r"entrepot_(?:pat|rob|ses|ref)_[0-9A-Za-z]{49}"
"""For secret scanners."""


def make(kind: Kind) -> str:
    """A new secret."""
    body = _PREFIXES[kind] + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return body + _checksum(body)


def is_ours(text: str) -> bool:
    """Whether this looks like one of our secrets, whole."""
    return (
        text.startswith(tuple(_PREFIXES.values())) and _checksum(text[:-_CHECK]) == text[-_CHECK:]
    )


def fingerprint(secret: str) -> str:
    """What is kept of it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(body: str) -> str:
    rest, found = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK):
        rest, digit = divmod(rest, len(_ALPHABET))
        found = _ALPHABET[digit] + found
    return found
