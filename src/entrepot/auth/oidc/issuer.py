"""`Issuer`: who signs tokens that are taken here, and how its keys are had."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from entrepot.auth.oidc.keys import Keys

_LONGEST = 512


@dataclass(frozen=True, slots=True)
class Issuer:
    """A configured issuer. Raises ValueError for what cannot be one."""

    url: str
    """The `iss` of its tokens, to the letter."""
    ca: str | None = None
    """PEM of the CA that its certificate comes from, in place of the system's."""
    jwks: Mapping[str, Any] | None = None
    """Its keys; None where they are found by discovery."""

    def __post_init__(self) -> None:
        if not self.url.isprintable() or not 0 < len(self.url) <= _LONGEST or " " in self.url:
            raise ValueError(f"an issuer is 1 to {_LONGEST} characters without a space")
        if self.jwks is not None:
            Keys.parse(self.jwks)
        elif not _is_address(self.url):
            raise ValueError("an issuer whose keys are found by discovery is https://HOST…")

    @property
    def discovery(self) -> str:
        """Where its document lies: OpenID Connect Discovery §4."""
        return f"{self.url.removesuffix('/')}/.well-known/openid-configuration"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and parts.scheme in {"https", "http"} and not set(url) & set("?#@\\")
