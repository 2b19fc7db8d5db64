"""Access tokens for Google's registries, which are good for an hour.

They are made of a service account's key that was given with the registry, or else of the server's
own identity: GOOGLE_APPLICATION_CREDENTIALS, federation, the metadata server. Google's library asks
by `google_way`. Source: Artifact Registry, "Configure authentication for Docker", access token.
"""

import importlib.util
import re
from contextlib import closing
from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from entrepot.addresses import Network
from entrepot.upstream.access import Credential
from entrepot.upstream.clouds.account import Account
from entrepot.upstream.clouds.renewed import Issued
from entrepot.upstream.clouds.service_key import ServiceKey
from entrepot.upstream.place import (
    BrokenError,
    RefusedError,
    UnreachableError,
    UpstreamError,
    told,
)

if TYPE_CHECKING:
    from entrepot.upstream.clouds.google_way import GoogleWay

MARGIN = 225.0
"""Seconds before its end; the metadata server gives the same one until five minutes before."""
USER = "oauth2accesstoken"
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
_MISSING = "logins of Google take google-auth: pip install 'entrepot[google]'"

_host = re.compile(r"(?:[a-z0-9-]+\.)+pkg\.dev|(?:[a-z0-9-]+\.)?gcr\.io").fullmatch


def is_google(url: str) -> bool:
    """Whether an address is one of Google's registries."""
    return _host(urlsplit(url).hostname or "") is not None


def who(account: Account) -> str:
    """The service account whose key it is; "" for the server's own. Raises `UpstreamError` where
    it cannot log in.
    """
    if not is_google(account.url):
        raise UpstreamError(
            "the address is none of Google's: https://REGION-docker.pkg.dev, https://gcr.io"
        )
    found = ServiceKey.read(account.secret).email if account.secret else ""
    _check_library()
    return found


def _check_library() -> None:
    try:
        found = importlib.util.find_spec("google.auth")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise UpstreamError(_MISSING)


class Tokens:
    """What one account is given."""

    def __init__(self, account: Account, allow: tuple[Network, ...]) -> None:
        self._account, self._allow = account, allow
        self._way: GoogleWay | None = None
        self._over = False

    def issue(self) -> Issued:
        """A new token. Raises `UpstreamError`."""
        _check_library()
        from google.auth import exceptions

        from entrepot.upstream.clouds.google_way import GoogleWay

        account = self._account
        with closing(GoogleWay(self._allow, own=not account.secret)) as way:
            self._way = way
            if self._over:
                way.abort()
            try:
                found = _credentials(account, way)
                found.refresh(way)
            except (exceptions.GoogleAuthError, ValueError) as error:
                raise _refused(account, error) from None
        if not found.token:
            raise UpstreamError(f"Google's token for {account.url} is none")
        ends = found.expiry.replace(tzinfo=UTC).timestamp() if found.expiry else 0.0
        return Issued(Credential(USER, found.token), ends)

    def abort(self) -> None:
        """Cut off what is under way, and let nothing begin."""
        self._over = True
        if self._way is not None:
            self._way.abort()


def _credentials(account: Account, way: "GoogleWay") -> Any:
    if account.secret:
        from google.oauth2.service_account import Credentials

        info = ServiceKey.read(account.secret).info
        return Credentials.from_service_account_info(info, scopes=_SCOPES)
    import google.auth
    from google.auth.credentials import with_scopes_if_required

    found, _ = google.auth.default(request=way)  # with scopes it would ask for the project's name
    return with_scopes_if_required(found, _SCOPES)


def _refused(account: Account, error: Exception) -> UpstreamError:
    """What to say of it: of answers no more than what OAuth's error is called."""
    from google.auth import exceptions

    if isinstance(error, exceptions.TransportError) or isinstance(
        error.__cause__, exceptions.TransportError
    ):
        return UnreachableError(f"Google's token service does not answer: {told(str(error))}")
    why = f"Google gives no login for {account.url}: {_reason(error)}"
    return BrokenError(why) if getattr(error, "retryable", False) else RefusedError(why)


def _reason(error: Exception) -> str:
    from google.auth import exceptions

    if isinstance(error, exceptions.DefaultCredentialsError):
        return "this server has no identity of Google's: give a service account's key"
    answer = error.args[1] if len(error.args) > 1 else None
    if isinstance(answer, dict) and "error" in answer:
        said = [answer["error"], answer.get("error_description", "")]
        return told(": ".join(each for each in said if isinstance(each, str) and each))
    return "it answers what nobody understands"
