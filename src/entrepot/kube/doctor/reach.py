"""Whether a registry can be reached at all: its name, its port, its certificate."""

import socket
import ssl

from entrepot import addresses
from entrepot.kube.doctor.cause import Cause

SECONDS = 10.0

_EXPIRED, _BEFORE = 10, 9
_NAMES = {62, 64}
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


def trouble(server: str, context: ssl.SSLContext | None, seconds: float = SECONDS) -> Cause | None:
    """What goes wrong before the first request; None where TLS stands, or is not wanted."""
    address = addresses.server(server, 443 if context else 80)
    try:
        with socket.create_connection(address, seconds) as plain:
            plain.settimeout(seconds)
            if context is not None:
                context.wrap_socket(plain, server_hostname=address.host).close()
    except socket.gaierror:
        return Cause.UNRESOLVED
    except TimeoutError:
        return Cause.TIMED_OUT
    except ssl.SSLCertVerificationError as error:
        return _certificate(error.verify_code)
    except ssl.SSLError as error:
        return Cause.PLAIN_HTTP if _is_http(error) else Cause.REGISTRY_FAILS
    except OSError:
        return Cause.REFUSED
    return None


def _certificate(code: int) -> Cause:
    if code in (_EXPIRED, _BEFORE):
        return Cause.EXPIRED_CERTIFICATE
    return Cause.WRONG_NAME if code in _NAMES else Cause.UNKNOWN_CA


def _is_http(error: ssl.SSLError) -> bool:
    return error.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
