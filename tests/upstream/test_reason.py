"""Why a connection failed, without what only programs read."""

import pytest

from entrepot.upstream.place import reason

REFUSED = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {} (_ssl.c:1006)"
PRIVATE = "; a private CA is named by --ca FILE"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[Errno 111] Connection refused", "Connection refused"),
        (
            "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)",
            "no TLS is spoken there",
        ),
        (REFUSED.format("certificate has expired"), "failed: certificate has expired"),
        (REFUSED.format("self-signed certificate"), f"self-signed certificate{PRIVATE}"),
        (
            REFUSED.format("self-signed certificate in certificate chain"),
            f"in certificate chain{PRIVATE}",
        ),
        (
            REFUSED.format("unable to get local issuer certificate"),
            f"unable to get local issuer certificate{PRIVATE}",
        ),
        ("[SSL] record layer failure (_ssl.c:1006)", "record layer failure"),
        ("", "OSError"),
    ],
)
def test_what_is_told(text: str, says: str) -> None:
    told = reason(OSError(text))
    assert says in told
    assert "[" not in told
    assert "_ssl.c" not in told
