"""Words that someone else keeps for us, who can neither read nor change them: cookies.

The key comes from the one that signs registry tokens; where that was rotated meanwhile, what was
sealed is void. The seal says nothing of how often something comes back.
"""

import base64
import json
from collections.abc import Mapping, Sequence

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from entrepot.auth import keyring
from entrepot.db.keys import SigningKey


def seal(purpose: str, words: Mapping[str, str], keys: Sequence[SigningKey]) -> str:
    """Close words up, for one purpose. Raises `keyring.NoKeyError`."""
    return _box(purpose, keys).encrypt(json.dumps(dict(words)).encode()).decode()


def unseal(
    purpose: str, text: str, keys: Sequence[SigningKey], seconds: int
) -> dict[str, str] | None:
    """What was sealed for the purpose at most `seconds` ago; None for anything else."""
    try:
        content = _box(purpose, keys).decrypt(text.encode("utf-8", "replace"), ttl=seconds)
    except InvalidToken:
        return None
    found: dict[str, str] = json.loads(content)
    return found


def _box(purpose: str, keys: Sequence[SigningKey]) -> Fernet:
    secret = keyring.signer(keys).as_pem(private=True)
    derive = HKDF(SHA256(), length=32, salt=None, info=f"entrepot {purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(derive.derive(secret)))
