"""Envelopes: small values that are sealed by a master key, and open in their own place only.

An envelope opens whole and unchanged, or not at all; and only for the context that it was sealed
for: the table and the name of its row. So no row's value can be put into another row.

    version, 1 byte | salt, 24 bytes | AES-256-GCM of the value, with its tag

The key of each envelope is derived from the master key and the random salt. So however many
there are, no key is used twice with one nonce, which GCM does not forgive; random nonces alone are
good for 2^32 values (NIST SP 800-38D, 8.3).
"""

import hmac
import secrets
from typing import TYPE_CHECKING

from entrepot.encryption.keys import EncryptionError, MasterKey

if TYPE_CHECKING:  # it is large, and who has no master key does without
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Context = tuple[str, ...]
"""What a value is and whose: ("manifest", "sha256:…")."""

_VERSION = b"\x01"
_SALT = 24
_NONCE = bytes(12)
_PURPOSE = b"entrepot envelope 1\0"
OVERHEAD = len(_VERSION) + _SALT + 16
"""Bytes that an envelope has more than its value."""


class BrokenSealError(EncryptionError):
    """What was sealed is not as it was: changed, cut, put elsewhere, or sealed by another key."""


def seal(key: MasterKey, context: Context, value: bytes) -> bytes:
    """Close a value up."""
    salt = secrets.token_bytes(_SALT)
    return _VERSION + salt + _box(key, salt).encrypt(_NONCE, value, _bound(context))


def unseal(key: MasterKey, context: Context, sealed: bytes) -> bytes:
    """The value of an envelope. Raises `BrokenSealError`."""
    from cryptography.exceptions import InvalidTag

    salt, rest = sealed[1 : 1 + _SALT], sealed[1 + _SALT :]
    try:
        if sealed[:1] != _VERSION:
            raise InvalidTag
        return _box(key, salt).decrypt(_NONCE, rest, _bound(context))
    except InvalidTag:
        raise BrokenSealError(
            f"{' '.join(context)} does not open with the encryption key {key.id}: it was changed, "
            "or it was sealed by another key of this id"
        ) from None


def _box(key: MasterKey, salt: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(hmac.digest(key.secret, _PURPOSE + salt, "sha256"))


def _bound(context: Context) -> bytes:
    """The context with its lengths, so that no two run into the same bytes."""
    words = [word.encode() for word in context]
    return _VERSION + b"".join(len(word).to_bytes(4, "big") + word for word in words)
