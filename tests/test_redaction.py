"""What looks like a credential, and what does not."""

import pytest

from entrepot.auth import secrets
from entrepot.db.secrets import Kind
from entrepot.redaction import redacted

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"

HIDDEN = [
    ("/token?password=hunter2&service=a", "/token?password=REDACTED&service=a"),
    ("/token?a=1&PassWord=hunter2", "/token?a=1&PassWord=REDACTED"),
    ("/token?password=", "/token?password=REDACTED"),
    ("/token?refresh_token=a&subject_token=b&client_secret=c", None),
    ("/token?password=a%26b+c'\"", None),
    (f"/v2/{JWT}/x", "/v2/REDACTED/x"),
    (f"curl {JWT[:30]}", "curl REDACTED"),
    (f"Bearer {JWT}, {JWT}", "Bearer REDACTED, REDACTED"),
    ("http://user:hunter2@host/v2/", "http://REDACTED@host/v2/"),
    ("entrepot_pat_0aZ", "REDACTED"),
]

KEPT = [
    "/v2/team/app/manifests/1.2",
    "/v2/team/app/tags/list?n=1&last=password",
    "/v2/team/password=x/manifests/t",
    "/token?scope=repository:team/app:pull,push&service=entrepot&account=alice",
    "/v2/entrepot_pattern/manifests/t",
    "docker/28.0 go/go1.24 (linux) UpstreamClient(Docker-Client/28.0 \\(linux\\))",
    "alice@example.org",
    "https://host/@a",
    "eyJ",
]


@pytest.mark.parametrize(("text", "wanted"), HIDDEN, ids=[text for text, _ in HIDDEN])
def test_hidden(text: str, wanted: str | None) -> None:
    found = redacted(text)
    assert found == (wanted or found)
    for secret in ("hunter2", "=a", "=b", "=c", "eyJ", "0aZ"):
        assert secret not in found.replace("service=a", "")
    assert redacted(found) == found


@pytest.mark.parametrize("kind", Kind)
def test_what_we_make_is_hidden_whole_or_cut(kind: Kind) -> None:
    secret = secrets.make(kind)
    for text in (secret, secret[:30], f"a {secret} b", f"/v2/{secret}/tags/list"):
        assert secret[13:30] not in redacted(text)


@pytest.mark.parametrize("text", KEPT)
def test_kept(text: str) -> None:
    assert redacted(text) == text
