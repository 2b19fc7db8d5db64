"""Issuers over the admin API."""

from typing import Any

import httpx
import pytest
from tests.auth.oidc.elsewhere import CA
from tests.auth.oidc.issuing import KEY, KEYS, public

URL = "https://issuer.example.com/realms/a"
SECRET = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "kid": "x"}


def test_an_issuer_comes_is_changed_and_goes(admin: httpx.Client) -> None:
    made = admin.put("/issuers", json={"url": URL, "ca": CA})
    assert made.status_code == 200
    assert made.json()["ca"] == CA
    assert made.json()["jwks"] is None
    assert made.json()["created_by"] == "user:admin"

    jwks = public(KEY, KEYS["ES256"])
    changed = admin.put("/issuers", json={"url": URL, "jwks": jwks}).json()
    assert (changed["ca"], changed["jwks"]) == (None, jwks)
    assert admin.get("/issuers").json()["items"] == [changed]

    assert admin.delete("/issuers", params={"url": URL}).status_code == 204
    assert admin.delete("/issuers", params={"url": URL}).status_code == 404
    assert admin.get("/issuers").json()["items"] == []


def test_pages(admin: httpx.Client) -> None:
    urls = [f"https://issuer-{n}.example.com" for n in range(5)]
    for url in urls:
        admin.put("/issuers", json={"url": url})
    found, after = [], ""
    while after is not None:
        page = admin.get("/issuers", params={"after": after, "limit": 2}).json()
        found += [each["url"] for each in page["items"]]
        after = page["next"]
    assert found == urls
    for url in urls:
        admin.delete("/issuers", params={"url": url})


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"url": ""}, "without a space"),
        ({"url": "https://a b"}, "without a space"),
        ({"url": "kubernetes/serviceaccount"}, "found by discovery"),
        ({"url": "ftp://a"}, "found by discovery"),
        ({"url": "https://a?b=c"}, "found by discovery"),
        ({"url": URL, "ca": "nonsense"}, "not a certificate in PEM"),
        ({"url": URL, "ca": ""}, "not a certificate in PEM"),
        ({"url": URL, "ca": CA + "-----BEGIN PRIVATE KEY-----"}, "private key"),
        ({"url": URL, "jwks": {}}, "a JWKS has a list"),
        ({"url": URL, "jwks": {"keys": []}}, "no key of the JWKS"),
        ({"url": URL, "jwks": {"keys": [SECRET]}}, "private or shared"),
        ({"url": URL, "jwks": {"keys": [KEY.as_dict(private=True)]}}, "private or shared"),
        ({"url": URL, "name": "x"}, "name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_issuer(admin: httpx.Client, wanted: dict[str, Any], why: str) -> None:
    answer = admin.put("/issuers", json=wanted)
    assert answer.status_code == 422
    assert why in answer.json()["detail"]
    secret = str(KEY.as_dict(private=True)["d"])
    assert secret not in answer.text
    assert SECRET["k"] not in answer.text
    assert admin.get("/issuers").json()["items"] == []


def test_any_name_will_do_where_the_keys_are_uploaded(admin: httpx.Client) -> None:
    url = "kubernetes/serviceaccount"
    assert admin.put("/issuers", json={"url": url, "jwks": public(KEY)}).status_code == 200
    assert admin.delete("/issuers", params={"url": url}).status_code == 204
