"""`ServiceKey`: the key of a Google service account, in the JSON that Google hands out.

Other credentials of Google's name files, addresses and programs that would be read, asked and run
here; they are the operator's to give, by the environment, and never come in with a registry.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from entrepot.upstream.place import UpstreamError

_NEEDED = ("client_email", "private_key", "token_uri")


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """What Google's library is given."""

    email: str
    """Whose it is."""
    info: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, text: str) -> "ServiceKey":
        """Read the JSON. Raises `UpstreamError`, with nothing of it."""
        try:
            info = json.loads(text)
        except (ValueError, RecursionError):
            info = None
        if not isinstance(info, dict) or info.get("type") != "service_account":
            raise UpstreamError("the password is no service account's key: give its JSON file")
        missing = [name for name in _NEEDED if not isinstance(info.get(name), str)]
        if missing:
            raise UpstreamError(f"the service account's key has no {missing[0]}")
        if not _is_rsa(info["private_key"]):
            raise UpstreamError("the service account's key has a private_key that cannot be read")
        return cls(info["client_email"], info)


def _is_rsa(pem: str) -> bool:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return isinstance(load_pem_private_key(pem.encode(), None), RSAPrivateKey)
    except (ValueError, TypeError):
        return False
