"""`Login`: what gives the credential of an account that is good at a moment, whatever its cloud."""

from functools import partial
from typing import Protocol

from entrepot.addresses import Network
from entrepot.db.upstreams import Kind
from entrepot.upstream.access import Credential
from entrepot.upstream.clouds import ecr, google
from entrepot.upstream.clouds.account import Account
from entrepot.upstream.clouds.google import Tokens
from entrepot.upstream.clouds.renewed import Renewed
from entrepot.upstream.place import UpstreamError


class Login(Protocol):
    """Any thread may ask."""

    @property
    def trouble(self) -> str:
        """Why it could not be renewed; "" where it was."""

    def __call__(self) -> Credential | None:
        """A credential that is good now; None for nobody. Raises `UpstreamError`."""

    def abort(self) -> None:
        """Cut off whoever waits for one."""


class Lasting:
    """A name and a password that stay, or nobody."""

    trouble = ""

    def __init__(self, account: Account) -> None:
        self._known = Credential(account.login, account.secret) if account.login else None

    def __call__(self) -> Credential | None:
        """See `Login`."""
        return self._known

    def abort(self) -> None:
        """See `Login`."""


def locked(account: Account) -> str:
    """That a secret cannot be opened, and why; "" where it can."""
    return f"its password cannot be opened: {account.locked}" if account.locked else ""


class Locked:
    """One whose secret cannot be opened: it is not asked as somebody else instead."""

    def __init__(self, account: Account) -> None:
        self.trouble = locked(account)

    def __call__(self) -> Credential | None:
        """Raises `UpstreamError`, always."""
        raise UpstreamError(self.trouble)

    def abort(self) -> None:
        """See `Login`."""


def who(account: Account) -> str:
    """As whom it logs in, to be shown; "" for nobody, or as the server itself.

    Raises `UpstreamError` where such an account cannot log in at such an address.
    """
    if account.kind is Kind.ECR:
        ecr.check(account)
    if account.kind is Kind.GOOGLE:
        return google.who(account)
    return account.login


def login_of(account: Account, allow: tuple[Network, ...]) -> Login:
    """Its login. `allow` are networks that are not global, and may be reached for it."""
    if account.locked:
        return Locked(account)
    if account.kind is Kind.ECR:
        return Renewed(partial(ecr.issue, account), ecr.MARGIN)
    if account.kind is Kind.GOOGLE:
        tokens = Tokens(account, allow)
        return Renewed(tokens.issue, google.MARGIN, abort=tokens.abort)
    return Lasting(account)
