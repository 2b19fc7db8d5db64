"""Signatures of what webhooks send, as Standard Webhooks has them.

The receiver computes HMAC-SHA256 over the id, the time and the body, with the secret that was shown
when the webhook was made. The time is signed, so that an old message can be refused. While a secret
is being replaced both sign. Source: https://github.com/standard-webhooks/standard-webhooks
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SHORTEST, LONGEST = 16, 512
"""Characters of a secret that somebody brings."""


def make() -> str:
    """A new secret."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def check(secret: str) -> str:
    """A secret that somebody brings, if it is one. Raises ValueError."""
    if not (SHORTEST <= len(secret) <= LONGEST and secret.isascii() and secret.isprintable()):
        raise ValueError(f"a secret has {SHORTEST} to {LONGEST} characters of ASCII")
    _key(secret)
    return secret


def headers(identity: str, at: float, content: bytes, signing: Sequence[str]) -> dict[str, str]:
    """The headers that go with content sent at a time."""
    moment = str(int(at))
    signed = b"%b.%b.%b" % (identity.encode(), moment.encode(), content)
    return {
        "webhook-id": identity,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(_sign(secret, signed) for secret in signing),
    }


def _sign(secret: str, signed: bytes) -> str:
    digest = hmac.digest(_key(secret), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    """What it stands for: in base64 behind the prefix, else its own bytes."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (ValueError, binascii.Error):
        raise ValueError(f"behind {PREFIX} a secret is written in base64") from None
