"""Whether the registry may be reached from other machines, and by which certificate.

Beyond loopback passwords and images want TLS, ours or that of a proxy; who wants to go without says
so by a setting whose name shows the danger.
"""

from typing import TYPE_CHECKING

from entrepot.cli.options import fail
from entrepot.settings import Settings

if TYPE_CHECKING:
    from entrepot.server.certificates import Files


def check_exposure(chosen: Settings) -> None:
    """Beyond loopback passwords and images want TLS: ours, or that of a proxy."""
    if chosen.address.is_loopback or chosen.dangerously_open_to_network:
        return
    if chosen.dangerously_without_accounts:
        fail(
            f"{chosen.listen} can be reached from other machines, and without accounts whoever "
            "comes may push and delete. Leave ENTREPOT_DANGEROUSLY_WITHOUT_ACCOUNTS away, or set "
            "ENTREPOT_DANGEROUSLY_OPEN_TO_NETWORK=true, too"
        )
    if chosen.tls_cert or chosen.trusted_proxies:
        return
    fail(
        f"{chosen.listen} can be reached from other machines, and without TLS what they send can "
        "be read on the way. Make a certificate by `entrepot tls init`, and serve it with "
        "--tls-cert and --tls-key; or name the proxy that has one in ENTREPOT_TRUSTED_PROXIES; "
        "or, in a network where nobody listens, set ENTREPOT_DANGEROUSLY_OPEN_TO_NETWORK=true"
    )


def check_certificate(chosen: Settings) -> None:
    """Say now what is wrong with it, rather than in each worker."""
    from entrepot.server.certificates import CertificateError

    try:
        if (files := certificate_files(chosen)) is not None:
            files.context()
    except CertificateError as error:
        fail(f"cannot serve TLS: {error}")


def certificate_files(chosen: Settings) -> "Files | None":
    """Where certificate, key and the clients' CAs lie; None for plain HTTP."""
    from entrepot.server.certificates import Files

    if chosen.tls_cert is None or chosen.tls_key is None:
        return None
    return Files(chosen.tls_cert, chosen.tls_key, chosen.tls_client_ca)
