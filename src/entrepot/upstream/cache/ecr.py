"""`ECR`: the login of Amazon's registries, which is good for twelve hours and renewed before.

It is traded for AWS credentials: those of the machine, the pod's role, or a key that was given with
the upstream. Source: Amazon ECR API, GetAuthorizationToken; public.ecr.aws has an API of its own.
"""

import base64
import re
import threading
import time
from typing import Any
from urllib.parse import urlsplit

from entrepot.db.upstreams import Upstream
from entrepot.upstream.http import Credential
from entrepot.upstream.place import RefusedError, UnreachableError, UpstreamError

MARGIN = 3600.0
"""Seconds before its end at which a login is renewed."""
AGAIN = 60.0
"""Seconds for which one that is still good stays, where renewing it fails."""

_host = re.compile(
    r"([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?"
).fullmatch
_PUBLIC, _PUBLIC_REGION = "public.ecr.aws", "us-east-1"


def is_ecr(url: str) -> bool:
    """Whether an address is one of Amazon's registries."""
    host = urlsplit(url).hostname or ""
    return host == _PUBLIC or _host(host) is not None


class ECR:
    """The login of one upstream; any thread may ask."""

    def __init__(self, row: Upstream) -> None:
        self._row = row
        self._lock = threading.Lock()
        self._known = Credential()
        self._ends = self._renew_at = 0.0

    def __call__(self) -> Credential:
        """A login that is good now. Raises `UpstreamError`."""
        with self._lock:
            now = time.time()
            if now >= self._renew_at:
                self._renew(now)
            return self._known

    def _renew(self, now: float) -> None:
        try:
            self._known, self._ends = self._ask()
            self._renew_at = self._ends - MARGIN
        except UpstreamError:
            if now >= self._ends:
                raise
            self._renew_at = now + AGAIN

    def _ask(self) -> tuple[Credential, float]:
        """A new login, and when it ends."""
        try:
            from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
        except ImportError:
            raise UpstreamError("logins of Amazon take boto3: install entrepot[objects]") from None
        try:
            found = self._client().get_authorization_token()["authorizationData"]
            data = found[0] if isinstance(found, list) else found
            text = base64.b64decode(data["authorizationToken"]).decode()
            ends = data["expiresAt"].timestamp()
        except HTTPClientError as error:
            raise UnreachableError(f"Amazon's API does not answer: {error}") from None
        except (BotoCoreError, ClientError) as error:
            raise RefusedError(f"Amazon gives no login for {self._row.url}: {error}") from None
        except (KeyError, IndexError, ValueError) as error:
            raise UpstreamError(f"Amazon's login for {self._row.url} is none: {error}") from None
        user, _, password = text.partition(":")
        return Credential(user, password), ends

    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        match = _host(urlsplit(self._row.url).hostname or "")
        session = boto3.session.Session(
            aws_access_key_id=self._row.login or None,
            aws_secret_access_key=self._row.secret or None,
            region_name=match[2] if match else _PUBLIC_REGION,
        )
        config = Config(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 2})
        return session.client("ecr" if match else "ecr-public", config=config)
