"""Google, on this machine: a token service that believes signatures alone; a metadata server."""

import json
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from tests.upstream.scripted import Asked, Say

EMAIL = "bot@my-project.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""Whatever address a key names for it."""
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@cache
def private_key(_whose: str = "bot") -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Google:
    """Whose key it knows, and what it gave out."""

    key: rsa.RSAPrivateKey
    address: str = ""
    lasts: float = 3600.0
    says: Say | None = None
    """What it answers whatever it is asked."""
    federated: str = "a token of another cloud"
    count: int = 0
    refused: list[str] = field(default_factory=list)

    @property
    def token(self) -> str:
        """What it gave out last."""
        return f"ya29.token-{self.count}"

    @property
    def token_uri(self) -> str:
        return f"http://{self.address}/token"

    def service_key(self, key: rsa.RSAPrivateKey | None = None, **more: Any) -> dict[str, Any]:
        """As the console hands it out."""
        pem = (key or self.key).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": "my-project",
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "token_uri": self.token_uri,
            **more,
        }

    def federation(self, file: str) -> dict[str, Any]:
        """Of a workload elsewhere, whose token lies in a file."""
        return {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": f"http://{self.address}/sts",
            "credential_source": {"file": file},
        }

    def answer(self, asked: Asked) -> Say:
        if self.says is not None:
            return self.says
        path = urlsplit(asked.path).path
        if path.startswith("/computeMetadata") or path == "/":
            return self._metadata(asked, path)
        form = {name: value[0] for name, value in parse_qs(asked.body.decode()).items()}
        if path == "/sts":
            good = form["grant_type"] == _EXCHANGE and form["subject_token"] == self.federated
        else:
            good = form["grant_type"] == _JWT_GRANT and self._is_signed(form["assertion"])
        if not good:
            said = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            return Say(400, json.dumps(said).encode())
        return self._issued()

    def _issued(self) -> Say:
        self.count += 1
        found = {"access_token": self.token, "expires_in": self.lasts, "token_type": "Bearer"}
        more = {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
        headers = {"content-type": "application/json", "metadata-flavor": "Google"}
        return Say(200, json.dumps({**found, **more}).encode(), headers)

    def _is_signed(self, assertion: str) -> bool:
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        try:
            claims = jwt.decode(assertion, RSAKey.import_key(public), algorithms=["RS256"]).claims
        except JoseError as error:
            self.refused.append(str(error))
            return False
        wanted = {"iss": EMAIL, "aud": AUDIENCE, "scope": SCOPE}
        return wanted.items() <= claims.items() and claims["exp"] > time.time()

    def _metadata(self, asked: Asked, path: str) -> Say:
        headers = {"metadata-flavor": "Google", "content-type": "application/json"}
        if asked.headers.get("metadata-flavor") != "Google":
            return Say(403)
        if path.endswith("/token"):
            return self._issued()
        if "/service-accounts/" in path:
            return Say(200, json.dumps({"email": EMAIL, "scopes": [SCOPE]}).encode(), headers)
        return Say(200, b"my-project", {**headers, "content-type": "application/text"})
