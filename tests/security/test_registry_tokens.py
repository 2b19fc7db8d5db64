"""Registry tokens that nobody should take: forged, altered, ended, or by keys that they bring.

CVE-2025-24976 (an embedded `jwk`), CVE-2026-123710, and the pitfalls of JWT libraries:
CVE-2026-27962, -48526, -48522, -102266; CVE-2022-21449 for the signature of zeros. Each token is
made by hand, since no library would; that a good one made so is let in is the control.
"""

import base64
import hashlib
import hmac
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.accounts import ADMIN, Accounts, first_start
from tests.served import Served, serving

from entrepot.db import engine, keys

SCOPE = "repository:team/app:pull,push"
_SIZE = 32


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def document(value: Any) -> str:
    return b64(json.dumps(value).encode())


@dataclass(frozen=True)
class Forge:
    """A good token's parts, the key that signed it, and one of the forger's own."""

    served: Served
    header: dict[str, Any]
    claims: dict[str, Any]
    signature: str
    ours: ec.EllipticCurvePrivateKey
    theirs: ec.EllipticCurvePrivateKey

    def sign(self, header: Any, claims: Any, key: ec.EllipticCurvePrivateKey | None = None) -> str:
        """By ES256 (RFC 7518, 3.4), whatever the header says; with our key where none is given."""
        text = f"{document(header)}.{document(claims)}"
        der = (key or self.ours).sign(text.encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(der)
        return f"{text}.{b64(r.to_bytes(_SIZE, 'big') + s.to_bytes(_SIZE, 'big'))}"

    def with_header(self, **more: Any) -> str:
        """Signed by the forger."""
        return self.sign({**self.header, **more}, self.claims, self.theirs)

    def with_claims(self, **more: Any) -> str:
        """Signed by us: what is wrong is only what it says."""
        claims = {name: each for name, each in {**self.claims, **more}.items() if each != "gone"}
        return self.sign(self.header, claims)

    def mac(self, secret: bytes) -> str:
        """By HS256 with a secret that everybody knows."""
        text = f"{document({**self.header, 'alg': 'HS256'})}.{document(self.claims)}"
        return f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256'))}"

    def jwk(self) -> dict[str, str]:
        """The forger's public key."""
        numbers = self.theirs.public_key().public_numbers()
        x, y = (b64(each.to_bytes(_SIZE, "big")) for each in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    def pem(self) -> bytes:
        """Our public key, as it can be had at /.well-known/jwks.json."""
        return self.ours.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def status(self, token: str) -> int:
        """Of a push that the good token lets in."""
        headers = {"authorization": f"Bearer {token}"}
        answer = self.served.client.post("/v2/team/app/blobs/uploads/", headers=headers)
        return answer.status_code


@pytest.fixture(scope="module")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    folder: Path = tmp_path_factory.mktemp("forge")
    first_start(folder)
    with serving(folder, "own", dangerously_without_accounts=False) as served:
        shown = ("x", Accounts(folder).token(ADMIN.name).secret)
        token = served.client.get("/token", params={"scope": SCOPE}, auth=shown).json()["token"]
        head, body, signature = token.split(".")
        with closing(engine.connect(folder)) as db:
            [kept] = keys.every(db)
        ours = serialization.load_pem_private_key(kept.private.encode(), None)
        assert isinstance(ours, ec.EllipticCurvePrivateKey)
        header, claims = (
            json.loads(base64.urlsafe_b64decode(each + "==")) for each in (head, body)
        )
        yield Forge(
            served, header, claims, signature, ours, ec.generate_private_key(ec.SECP256R1())
        )


Make = Callable[[Forge], str]


def _unsigned(forge: Forge, alg: str, signature: str = "") -> str:
    return f"{document({**forge.header, 'alg': alg})}.{document(forge.claims)}.{signature}"


def _raised(forge: Forge) -> str:
    """More rights beneath the signature of fewer."""
    access = [{"type": "repository", "name": "team/app", "actions": ["delete", "pull", "push"]}]
    text = f"{document(forge.header)}.{document({**forge.claims, 'access': access})}"
    return f"{text}.{forge.signature}"


def _altered(forge: Forge) -> str:
    good = forge.sign(forge.header, forge.claims)
    return good[:-6] + ("A" if good[-6] != "A" else "B") + good[-5:]


def _elsewhere(forge: Forge) -> str:
    """A certificate chain of the forger's."""
    der = forge.theirs.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return forge.with_header(x5c=[base64.b64encode(der).decode()])


def _in_json(forge: Forge) -> str:
    """The other serialization (RFC 7515, 7.2), which may have several signatures."""
    head, body, signature = forge.sign(forge.header, forge.claims).split(".")
    whole = {"payload": body, "signatures": [{"protected": head, "signature": signature}]}
    return json.dumps(whole)


KEYS: dict[str, Make] = {
    "alg none": lambda f: _unsigned(f, "none"),
    "alg None": lambda f: _unsigned(f, "None"),
    "alg NONE with our signature": lambda f: _unsigned(f, "NONE", f.signature),
    "no alg": lambda f: f.sign({k: v for k, v in f.header.items() if k != "alg"}, f.claims),
    "alg that is a list": lambda f: f.sign({**f.header, "alg": ["ES256", "none"]}, f.claims),
    "another alg over our signature": lambda f: f.sign({**f.header, "alg": "RS256"}, f.claims),
    "HS256 by our public PEM": lambda f: f.mac(f.pem()),
    "HS256 by our stripped PEM": lambda f: f.mac(f.pem().strip()),
    "HS256 by our JWKS": lambda f: f.mac(f.served.client.get("/.well-known/jwks.json").content),
    "HS256 by nothing": lambda f: f.mac(b""),
    "HS256 by the key's id": lambda f: f.mac(f.header["kid"].encode()),
    "another key under our id": lambda f: f.with_header(),
    "a key that it brings (CVE-2025-24976)": lambda f: f.with_header(jwk=f.jwk()),
    "a key that it brings, and no id": lambda f: f.with_header(jwk=f.jwk(), kid=None),
    "a key that it brings under its id": lambda f: f.with_header(
        jwk={**f.jwk(), "kid": "mine"}, kid="mine"
    ),
    "a chain that it brings": _elsewhere,
    "an address of keys": lambda f: f.with_header(jku=f"{f.served.url}/v2/", kid="mine"),
    "an address of a chain": lambda f: f.with_header(x5u="http://127.0.0.1:1/", kid="mine"),
    "an id that nobody knows": lambda f: f.sign({**f.header, "kid": "other"}, f.claims),
    "no id": lambda f: f.sign({k: v for k, v in f.header.items() if k != "kid"}, f.claims),
    "an id that is a path": lambda f: f.with_header(kid="../../../dev/null"),
    "an id that is SQL": lambda f: f.with_header(kid="' or '1'='1"),
    "an id that is a list": lambda f: f.sign({**f.header, "kid": [f.header["kid"]]}, f.claims),
    "an id that is null": lambda f: f.sign({**f.header, "kid": None}, f.claims),
    "what we must understand and do not": lambda f: f.sign(
        {**f.header, "crit": ["exp2"], "exp2": 1}, f.claims
    ),
    "a payload that is not encoded": lambda f: f.sign(
        {**f.header, "b64": False, "crit": ["b64"]}, f.claims
    ),
    "more rights under our signature": _raised,
    "a signature of one other letter": _altered,
    "a signature of zeros (CVE-2022-21449)": lambda f: _unsigned(f, "ES256", b64(bytes(64))),
    "no signature": lambda f: _unsigned(f, "ES256"),
    "half a signature": lambda f: _unsigned(f, "ES256", f.signature[:43]),
    "a signature of another token": lambda f: (
        f"{document(f.header)}.{document({**f.claims, 'sub': 'user:root'})}.{f.signature}"
    ),
}

CLAIMS: dict[str, Make] = {
    "another issuer": lambda f: f.with_claims(iss="https://issuer.test"),
    "no issuer": lambda f: f.with_claims(iss="gone"),
    "an issuer that is a list": lambda f: f.with_claims(iss=["entrepot", "other"]),
    "another audience": lambda f: f.with_claims(aud="other"),
    "no audience": lambda f: f.with_claims(aud="gone"),
    "an audience of nobody": lambda f: f.with_claims(aud=[]),
    "an audience that begins as ours": lambda f: f.with_claims(aud="entrepot.evil.test"),
    "ended": lambda f: f.with_claims(exp=int(time.time()) - 60),
    "no end": lambda f: f.with_claims(exp="gone"),
    "an end that is null": lambda f: f.with_claims(exp=None),
    "an end that is text": lambda f: f.with_claims(exp="9999999999"),
    "an end that is a list": lambda f: f.with_claims(exp=[9999999999]),
    "not yet good": lambda f: f.with_claims(nbf=int(time.time()) + 60),
    "no beginning": lambda f: f.with_claims(nbf="gone"),
    "made in the future": lambda f: f.with_claims(iat=int(time.time()) + 3600),
    "nobody's": lambda f: f.with_claims(sub="gone"),
    "claims that are a list": lambda f: f.sign(f.header, [f.claims]),
    "claims that are null": lambda f: f.sign(f.header, None),
    "a header that is a list": lambda f: f.sign([f.header], f.claims),
}

FORMS: dict[str, Make] = {
    "dots": lambda f: "..",
    "four parts": lambda f: f.sign(f.header, f.claims) + ".x",
    "five parts, as JWE has": lambda f: f.sign(f.header, f.claims) + ".x.y",
    "as JSON": _in_json,
    "padded": lambda f: f"{document(f.header)}==.{document(f.claims)}.{f.signature}",
    "in the other alphabet": lambda f: f"{document(f.header)}.{document(f.claims)}.+/+/+/",
    "deeply nested": lambda f: f"{b64(b'[' * 5000 + b']' * 5000)}.{document(f.claims)}.x",
    "not UTF-8": lambda f: f"{b64(bytes([255, 254]))}.{document(f.claims)}.x",
    "over the longest": lambda f: f.with_claims(more="x" * 20_000),
    "a token in a token": lambda f: f.sign(f.header, {"jwt": f.sign(f.header, f.claims)}),
}

BAD = {**KEYS, **CLAIMS, **FORMS}


def test_a_good_one_made_so_is_let_in(forge: Forge) -> None:
    assert forge.status(forge.sign(forge.header, forge.claims)) == 202
    assert forge.status(forge.with_claims(aud=["other", "entrepot"])) == 202
    assert forge.status(forge.with_claims(more="x" * 1000)) == 202


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_a_bad_one_is_not(forge: Forge, make: Make) -> None:
    token = make(forge)
    assert forge.status(token) == 401
    for given in ({"authorization": f"Bearer {token}"}, {"authorization": f"bearer  {token}"}):
        answer = forge.served.client.get("/v2/", headers=given)
        assert answer.status_code == 401
        assert "Bearer realm=" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("make", KEYS.values(), ids=KEYS)
def test_nor_is_it_as_a_password(forge: Forge, make: Make) -> None:
    token = make(forge)
    assert forge.served.client.get("/v2/", auth=("x", token)).status_code == 401
    form = {"grant_type": "password", "username": "x", "password": token, "service": "entrepot"}
    assert forge.served.client.post("/token", data=form).status_code == 401


def test_no_key_is_fetched(forge: Forge) -> None:
    """Nobody comes to the address that a token names."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.3)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/jwks.json"
        for name in ("jku", "x5u"):
            assert forge.status(forge.with_header(**{name: address})) == 401
        with pytest.raises(TimeoutError):
            trap.accept()


def test_what_is_published_signs_nothing(forge: Forge) -> None:
    for each in forge.served.client.get("/.well-known/jwks.json").json()["keys"]:
        assert set(each) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (each["kid"], each["alg"]) == (forge.header["kid"], "ES256")


def test_a_token_says_no_more_than_it_was_asked_for(forge: Forge) -> None:
    assert forge.claims["access"] == [
        {"type": "repository", "name": "team/app", "actions": ["move", "pull", "push"]}
    ]
    fingerprint = hashlib.sha256(ADMIN.secret.encode()).hexdigest()
    told = json.dumps(forge.claims)
    assert ADMIN.secret not in told
    assert fingerprint not in told
    assert forge.claims["exp"] - forge.claims["iat"] == 300
