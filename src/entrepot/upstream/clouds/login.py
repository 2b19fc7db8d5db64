"""`login_of`: what gives the login of an account that is good at a moment, whatever its cloud."""

from collections.abc import Callable
from functools import partial

from entrepot.addresses import Network
from entrepot.db.upstreams import Kind
from entrepot.upstream.access import Credential
from entrepot.upstream.clouds import ecr, google
from entrepot.upstream.clouds.account import Account
from entrepot.upstream.clouds.renewed import Renewed


def who(account: Account) -> str:
    """As whom it logs in, to be shown; "" for nobody, or as the server itself.

    Raises `UpstreamError` where such an account cannot log in at such an address.
    """
    if account.kind is Kind.ECR:
        ecr.check(account)
    if account.kind is Kind.GOOGLE:
        return google.who(account)
    return account.login


def login_of(account: Account, allow: tuple[Network, ...]) -> Callable[[], Credential | None]:
    """What gives its login; that raises `UpstreamError`. `allow` are networks that it may reach."""
    if account.kind is Kind.ECR:
        return Renewed(partial(ecr.issue, account), ecr.MARGIN)
    if account.kind is Kind.GOOGLE:
        return Renewed(partial(google.issue, account, allow), google.MARGIN)
    credential = Credential(account.login, account.secret) if account.login else None
    return lambda: credential
