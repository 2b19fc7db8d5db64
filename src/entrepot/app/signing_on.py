"""Who comes: the guard at the door, and the provider where people sign on, as the settings say."""

from functools import partial
from typing import TYPE_CHECKING

from entrepot.auth.directory import Directory
from entrepot.auth.login import Login
from entrepot.auth.providers import Providers
from entrepot.auth.trail import Trail
from entrepot.db.database import Database
from entrepot.distribution.challenge import Challenge
from entrepot.distribution.guard import Guard
from entrepot.settings import Settings

if TYPE_CHECKING:
    from entrepot.auth.oidc.provider import Provider


def guard(settings: Settings, database: Database, trail: Trail) -> Guard:
    """Asks everybody who they are, unless the settings say otherwise."""
    directory = Directory(database)
    everyone = settings.dangerously_without_accounts
    people = partial(provider, settings) if settings.sso_issuer else None
    providers = Providers(directory, settings.outbound, people)
    login = Login(database, directory, trail, providers)
    challenge = Challenge(settings.public_url, settings.mirrors)
    return Guard(database, directory, login, trail, challenge, everyone=everyone)


def provider(settings: Settings) -> "Provider":
    """Where people sign on, as the settings say. Raises ValueError, OSError, OutboundError."""
    from entrepot.auth.oidc.issuer import Issuer
    from entrepot.auth.oidc.outbound import trust
    from entrepot.auth.oidc.provider import Provider

    ca = settings.sso_ca.read_text("utf-8") if settings.sso_ca else None
    trust(ca)
    secret = settings.sso_client_secret
    return Provider(
        Issuer(settings.sso_issuer, ca),
        settings.sso_client_id,
        secret.get_secret_value() if secret else None,
        settings.sso_scopes,
        settings.sso_user_claim,
        settings.sso_groups_claim,
    )
