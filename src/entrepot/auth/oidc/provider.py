"""`Provider`: where people sign on, and how it knows us.

Id and secret are form-encoded before they go into Basic (RFC 6749 §2.3.1): providers that decode
them would refuse one with `%` or `+` in it. Next: `sso` sends what is written here.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

from entrepot.auth.oidc.issuer import Issuer


@dataclass(frozen=True, slots=True)
class Provider:
    """Where people sign on, and what we are called there."""

    issuer: Issuer
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    user_claim: str = "preferred_username"
    """The claim with the user's name; without one the e-mail address is it."""
    groups_claim: str = "groups"
    """The claim with the groups, in the ID token or in userinfo."""

    def credentials(self, metadata: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
        """Headers, and fields of the form, that show the token endpoint who we are."""
        if self.client_secret is None:
            return {}, {"client_id": self.client_id}
        methods = metadata.get("token_endpoint_auth_methods_supported")
        if isinstance(methods, list) and "client_secret_basic" not in methods:
            return {}, {"client_id": self.client_id, "client_secret": self.client_secret}
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, {}
