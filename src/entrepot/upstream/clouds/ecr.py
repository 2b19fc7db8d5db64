"""The login of Amazon's registries, which is good for twelve hours.

It is traded for AWS credentials: those of the server, its pod's role, or a key that was given with
the registry. It is boto3 that asks: at addresses of Amazon's, or where AWS_ENDPOINT_URL_ECR of the
environment says. Source: Amazon ECR API, GetAuthorizationToken; public.ecr.aws has one of its own.
"""

import base64
import re
from typing import Any
from urllib.parse import urlsplit

from entrepot.upstream.access import Credential
from entrepot.upstream.clouds.account import Account
from entrepot.upstream.clouds.renewed import Issued
from entrepot.upstream.place import (
    BrokenError,
    RefusedError,
    UnreachableError,
    UpstreamError,
    told,
)

MARGIN = 3600.0
"""Seconds before its end at which a login is renewed."""

_host = re.compile(
    r"([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?"
).fullmatch
_PUBLIC, _PUBLIC_REGION = "public.ecr.aws", "us-east-1"
_MISSING = "logins of Amazon take boto3: pip install 'entrepot[objects]'"
_BUSY = 429


def is_ecr(url: str) -> bool:
    """Whether an address is one of Amazon's registries."""
    host = urlsplit(url).hostname or ""
    return host == _PUBLIC or _host(host) is not None


def check(account: Account) -> None:
    """Raise `UpstreamError` where such an account cannot log in."""
    if not is_ecr(account.url):
        raise UpstreamError(
            "the address is none of Amazon's: https://ID.dkr.ecr.REGION.amazonaws.com"
        )
    if bool(account.login) != bool(account.secret):
        raise UpstreamError("an access key has an id and a secret: give both, or none")
    try:
        import boto3  # noqa: F401
    except ImportError:
        raise UpstreamError(_MISSING) from None


def issue(account: Account) -> Issued:
    """A new login. Raises `UpstreamError`."""
    try:
        from botocore import exceptions
    except ImportError:
        raise UpstreamError(_MISSING) from None
    try:
        found = _client(account).get_authorization_token()["authorizationData"]
        data = found[0] if isinstance(found, list) else found
        text = base64.b64decode(data["authorizationToken"]).decode()
        ends = data["expiresAt"].timestamp()
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise UnreachableError(f"Amazon's API does not answer: {told(str(error))}") from None
    except exceptions.ClientError as error:
        raise _refused(account, error) from None
    except exceptions.BotoCoreError as error:
        raise RefusedError(f"no login for {account.url}: {told(str(error))}") from None
    except (KeyError, IndexError, ValueError) as error:
        raise UpstreamError(f"Amazon's login for {account.url} is none: {error}") from None
    user, _, password = text.partition(":")
    return Issued(Credential(user, password), ends)


def _refused(account: Account, error: Any) -> UpstreamError:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code", "")
    why = f"Amazon gives no login for {account.url}: {told(str(error))}"
    if status == _BUSY or status >= 500 or code.startswith("Throttling"):
        return BrokenError(why, status=status)
    return RefusedError(why)


def _client(account: Account) -> Any:
    import boto3
    from botocore.config import Config

    host = urlsplit(account.url).hostname or ""
    match, public = _host(host), host == _PUBLIC
    session = boto3.session.Session(
        aws_access_key_id=account.login or None,
        aws_secret_access_key=account.secret or None,
        region_name=match[2] if match else _PUBLIC_REGION if public else None,
    )
    config = Config(connect_timeout=5, read_timeout=5, retries={"total_max_attempts": 2})
    return session.client("ecr-public" if public else "ecr", config=config)
