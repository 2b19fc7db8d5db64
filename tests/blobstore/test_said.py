"""What a store said, as obstore gives it: each in a line that names what to mend."""

import pytest

from entrepot.blobstore.said import is_refusal, said

XML = """Generic S3 error: Error performing GET http://s3.test/nope in 3ms - Server returned
non-2xx status code: 404 Not Found: <?xml version="1.0" encoding="UTF-8"?>
<Error><Code>{}</Code><Message>{}</Message><Resource>/nope</Resource></Error>"""
SENT = "Error performing PUT https://s3.test/b/x?X-Amz-Signature=1 in 3ms - error sending request"
NO_TLS = "Custom { kind: InvalidData, error: InvalidMessage(\n InvalidContentType,\n) }"
REFUSED = 'Os { code: 111, kind: ConnectionRefused, message: "Connection refused" }'
UNTRUSTED = "InvalidCertificate(\n UnknownIssuer,\n)"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (XML.format("NoSuchBucket", "It is not there."), "It is not there; make the bucket first"),
        (XML.format("SignatureDoesNotMatch", ""), "SignatureDoesNotMatch; see AWS_ACCESS_KEY_ID"),
        (XML.format("SlowDown", "Later"), "SlowDown: Later"),
        (f"{SENT}\n\nDebug source:\n{NO_TLS}", "PUT https://s3.test/b/x: no TLS is spoken there"),
        (f"{SENT}\n\nDebug source:\n{REFUSED}", "PUT https://s3.test/b/x: Connection refused"),
        (f"{SENT}\n\nDebug source:\n{UNTRUSTED}", "name that CA, too"),
        (SENT, "error sending request"),
    ],
    ids=["bucket", "keys", "code", "no TLS", "refused", "CA", "no reason"],
)
def test_said(error: str, words: str) -> None:
    found = said(OSError(error))
    assert words in found
    assert "\n" not in found
    assert "<" not in found
    assert "X-Amz-Signature" not in found


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (XML.format("NoSuchBucket", "It is not there."), True),
        (XML.format("InvalidAccessKeyId", ""), True),
        (XML.format("SlowDown", "Later"), False),
        (f"{SENT}\n\nDebug source:\n{NO_TLS}", True),
        (f"{SENT}\n\nDebug source:\n{REFUSED}", False),
        ("Generic MicrosoftAzure error: Account must be specified", True),
        (SENT, False),
    ],
    ids=["bucket", "keys", "code", "no TLS", "nobody", "account", "no reason"],
)
def test_what_stays_so_until_it_is_mended_is_a_refusal(error: str, refused: bool) -> None:
    assert is_refusal(OSError(error)) is refused
