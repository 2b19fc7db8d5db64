"""Whether the provider for single sign-on is set as one can be; said before the server starts."""

from entrepot.cli.options import fail
from entrepot.settings import Settings


def check_provider(chosen: Settings) -> None:
    """Say now what is wrong with it, rather than when the first person signs on."""
    if not chosen.sso_issuer:
        return
    from entrepot.app.signing_on import provider
    from entrepot.auth.oidc.answer import OutboundError

    try:
        provider(chosen)
    except OutboundError as error:
        fail(f"ENTREPOT_SSO_CA is {chosen.sso_ca}: {error}")
    except OSError as error:
        fail(f"cannot read {chosen.sso_ca}, as ENTREPOT_SSO_CA says: {error.strerror}")
    except ValueError as error:
        fail(f"ENTREPOT_SSO_ISSUER is {chosen.sso_issuer}: {error}")
