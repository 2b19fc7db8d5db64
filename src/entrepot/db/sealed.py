"""Values of rows that lie sealed, where there are keys: a disk or a backup gives nothing away.

A row says by which key it is sealed; null means that it lies plain. An envelope opens for its own
row alone: its context is what the value is, and the digest or id that the row is found by.
"""

import base64
import binascii
from enum import StrEnum

from entrepot.db.connection import Connection
from entrepot.encryption import envelope
from entrepot.encryption.envelope import BrokenSealError, Context
from entrepot.encryption.keys import EncryptionError


class Sealed(StrEnum):
    """What a value is, in its context."""

    MANIFEST = "manifest"
    ANNOTATIONS = "annotations"
    """Of a manifest with a subject: referrers show them."""
    BLOB = "blob"
    UPLOAD = "upload"
    SIGNING_KEY = "signing_key"
    WEBHOOK_URL = "webhook_url"
    """It may be a secret itself, as Slack's are."""
    WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - what it is called
    WEBHOOK_SECRET_BEFORE = "webhook_secret_before"  # noqa: S105
    UPSTREAM_SECRET = "upstream_secret"  # noqa: S105
    REPLICATION_SECRET = "replication_secret"  # noqa: S105


def seal(db: Connection, context: Context, value: bytes) -> tuple[bytes, str | None]:
    """What to keep of a value, and the id of the key that opens it."""
    key = db.keyring.current
    return (envelope.seal(key, context, value), key.id) if key else (value, None)


def unseal(db: Connection, context: Context, kept: bytes, key: str | None) -> bytes:
    """The value. Raises `EncryptionError`."""
    return kept if key is None else envelope.unseal(db.keyring.find(key), context, kept)


def seal_text(db: Connection, context: Context, text: str) -> tuple[str, str | None]:
    """The same for a column of text."""
    kept, key = seal(db, context, text.encode())
    return (base64.b64encode(kept).decode() if key else text), key


def unseal_text(db: Connection, context: Context, kept: str, key: str | None) -> str:
    """The text. Raises `EncryptionError`."""
    if key is None:
        return kept
    try:
        value = base64.b64decode(kept, validate=True)
    except (ValueError, binascii.Error):
        raise BrokenSealError(f"{' '.join(context)} is not as it was sealed") from None
    return unseal(db, context, value, key).decode()


def try_text(db: Connection, context: Context, kept: str, key: str | None) -> tuple[str, str]:
    """The text, and why it cannot be opened, "" where it can: so one row ends no list of them."""
    try:
        return unseal_text(db, context, kept, key), ""
    except (EncryptionError, UnicodeDecodeError) as error:
        return "", str(error)


def holds(db: Connection, context: Context, kept: bytes, key: str | None, value: bytes) -> bool:
    """Whether this very value opens there."""
    try:
        return unseal(db, context, kept, key) == value
    except EncryptionError:
        return False
