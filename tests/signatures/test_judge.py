"""What is no good signature, and why: keys in both of cosign's formats; notation's certificates."""

import base64
import json
import math
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.signatures.keyless import TIME, authority, by_key, statement, usage
from tests.signatures.signed import curve, payload, pem, signing

from entrepot.signatures import terms
from entrepot.signatures.evidence import COSE, JOSE, Bundle, Envelope, Evidence, Simple
from entrepot.signatures.judge import judge
from entrepot.signatures.notation import PAYLOAD
from entrepot.signatures.terms import Key, Notation

DIGEST, ANOTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
KEY = curve()
KNOWN = Key(pem(KEY))


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def simple(signed: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> Simple:
    return Simple(signed, b64(signing(key)(signed)))


GOOD = simple(payload(DIGEST))

BAD_KEYS: dict[str, tuple[Evidence, str]] = {
    "another key": (simple(payload(DIGEST), curve()), "another key made it"),
    "another image": (simple(payload(ANOTHER)), f"it signs another digest: {ANOTHER}"),
    "changed": (Simple(payload(DIGEST) + b" ", GOOD.signature), "or what it signs was changed"),
    "truncated": (Simple(GOOD.payload, GOOD.signature[:40]), "another key made it"),
    "no signature": (Simple(GOOD.payload, ""), "another key made it"),
    "no base64": (Simple(GOOD.payload, "%%%"), "the signature is not base64"),
    "not JSON": (simple(b"sha256:" + b"a" * 64), "its payload is not JSON"),
    "deep JSON": (simple(b"[" * 100_000), "its payload is not JSON"),
    "a list": (simple(b"[]"), "its payload lacks what it should say"),
    "empty": (simple(b"{}"), "its payload lacks"),
    "no image in it": (simple(payload(DIGEST, image=[])), "its payload lacks"),
    "of another type": (simple(payload(DIGEST, type="sbom")), "of the type 'sbom'"),
    "notation's": (Envelope(JOSE, b"{}"), "a key makes no such signatures"),
    "another key's bundle": (Bundle(by_key(curve(), statement(DIGEST))), "another key made it"),
    "another image's bundle": (Bundle(by_key(KEY, statement(ANOTHER))), "another digest"),
    "of an algorithm that is no digest's": (
        Bundle(by_key(KEY, statement(f"sha512:{'a' * 64}"))),
        "another digest",
    ),
    "a statement that tests failed": (
        Bundle(by_key(KEY, statement(DIGEST, "https://example.com/failed"))),
        "'https://example.com/failed' of the image, and signs it not",
    ),
    "a bundle of nothing": (Bundle(b"{}"), "no bundle with an envelope"),
    "a truncated bundle": (Bundle(by_key(KEY, statement(DIGEST))[:200]), "no bundle"),
}


def test_good_ones() -> None:
    assert judge(KNOWN, GOOD, DIGEST).why == ""
    assert judge(KNOWN, Bundle(by_key(KEY, statement(DIGEST))), DIGEST).why == ""
    assert judge(KNOWN, GOOD, DIGEST).until == math.inf


@pytest.mark.parametrize("what", BAD_KEYS)
def test_what_a_key_did_not_sign(what: str) -> None:
    found, why = BAD_KEYS[what]
    assert why in judge(KNOWN, found, DIGEST).why


def spki(key: Any) -> str:
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return str(public.decode())


NO_KEYS = {
    "nothing": "",
    "no PEM": "key",
    "a private key's words": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "a small RSA key": spki(rsa.generate_private_key(65537, 1024)),
    "another curve": spki(curve(ec.SECP256K1())),
    "DSA": spki(dsa.generate_private_key(1024)),
}


@pytest.mark.parametrize("what", NO_KEYS)
def test_what_is_no_key_to_take(what: str) -> None:
    with pytest.raises(ValueError, match=r"in PEM|use an ECDSA key"):
        terms.read("key", {"pem": NO_KEYS[what]})


# Notation

CA, LEAF = curve(), curve()
FUTURE = TIME + timedelta(days=3650)
WHO = "CN=ci,O=Example"


def leaf(
    key: Any = LEAF,
    ca: ec.EllipticCurvePrivateKey = CA,
    *,
    until: datetime = FUTURE,
    since: datetime = TIME,
    purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
) -> x509.Certificate:
    aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key())
    name = x509.Name.from_rfc4514_string("CN=ci,O=Example,C=DE")
    return (
        x509.CertificateBuilder(authority(ca).subject, name, key.public_key(), 5)
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(aki, critical=False)
        .sign(ca, hashes.SHA256())
    )


def jws(
    digest: str = DIGEST,
    *,
    key: Any = LEAF,
    certificate: x509.Certificate | None = None,
    alg: str = "ES256",
    **protected: Any,
) -> bytes:
    """As `notation sign` writes it."""

    def url(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    head = {
        "alg": alg,
        "cty": PAYLOAD,
        "crit": ["io.cncf.notary.signingScheme"],
        "io.cncf.notary.signingScheme": "notary.x509",
        "io.cncf.notary.signingTime": "2026-03-01T12:00:00Z",
        **protected,
    }
    target = {"mediaType": "application/x", "digest": digest, "size": 1}
    parts = (json.dumps(head).encode(), json.dumps({"targetArtifact": target}).encode())
    signed = ".".join(map(url, parts)).encode()
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA384()), padding.PSS.DIGEST_LENGTH)
        signature = key.sign(signed, pss, hashes.SHA384())
    else:
        pair = utils.decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
        signature = b"".join(number.to_bytes(32) for number in pair)
    der = (certificate or leaf()).public_bytes(Encoding.DER)
    document = {
        "payload": url(parts[1]),
        "protected": url(parts[0]),
        "header": {"x5c": [b64(der)], "io.cncf.notary.signingAgent": "notation-go/1.3.2"},
        "signature": url(signature),
    }
    return json.dumps(document).encode()


def of(ca: ec.EllipticCurvePrivateKey = CA, subject: str = WHO) -> Notation:
    return Notation(authority(ca).public_bytes(Encoding.PEM).decode(), subject)


def test_notation_signs_for_the_life_of_its_certificate() -> None:
    found = judge(of(), Envelope(JOSE, jws()), DIGEST)
    assert (found.why, found.since) == ("", TIME.timestamp())
    ends = authority(CA).not_valid_after_utc
    assert found.until == min(FUTURE, ends).timestamp()


def test_notation_by_rsa_and_by_a_certificate_that_vouches_for_itself() -> None:
    key = rsa.generate_private_key(65537, 3072)
    found = jws(key=key, certificate=leaf(key), alg="PS384")
    assert judge(of(), Envelope(JOSE, found), DIGEST).why == ""
    one = leaf()
    itself = Notation(one.public_bytes(Encoding.PEM).decode(), WHO)
    assert judge(itself, Envelope(JOSE, jws(certificate=one)), DIGEST).why == ""
    assert judge(itself, Envelope(JOSE, jws()), DIGEST).why


def test_notations_own_expiry_counts() -> None:
    critical = ["io.cncf.notary.signingScheme", "io.cncf.notary.expiry"]
    said: dict[str, Any] = {"crit": critical, "io.cncf.notary.expiry": "2026-03-02T12:00:00Z"}
    found = judge(of(), Envelope(JOSE, jws(**said)), DIGEST)
    assert found.until == (TIME + timedelta(days=1)).timestamp()


AUTHORITY: dict[str, Any] = {"io.cncf.notary.signingScheme": "notary.x509.signingAuthority"}
EARLIER = leaf(since=TIME - timedelta(days=20), until=TIME - timedelta(days=10))

BAD_NOTATION: dict[str, tuple[Notation, Evidence, str]] = {
    "another CA": (of(curve()), Envelope(JOSE, jws()), "no authority that is named vouches"),
    "another subject": (of(subject="CN=ops"), Envelope(JOSE, jws()), "signed it, not CN=ops"),
    "another image": (of(), Envelope(JOSE, jws(ANOTHER)), f"another digest: {ANOTHER}"),
    "another key": (of(), Envelope(JOSE, jws(key=curve())), "key did not make it"),
    "another algorithm": (of(), Envelope(JOSE, jws(alg="none")), "'none' is not that of its key"),
    "a weaker algorithm": (of(), Envelope(JOSE, jws(alg="HS256")), "'HS256' is not that"),
    "not for code": (
        of(),
        Envelope(JOSE, jws(certificate=leaf(purpose=ExtendedKeyUsageOID.SERVER_AUTH))),
        "not for signing code",
    ),
    "another scheme": (
        of(),
        Envelope(JOSE, jws(**AUTHORITY)),
        "scheme that is not known",
    ),
    "critical words": (of(), Envelope(JOSE, jws(crit=["x"])), "it insists on x"),
    "truncated": (of(), Envelope(JOSE, jws()[:300]), "no JWS envelope"),
    "an empty object": (of(), Envelope(JOSE, b"{}"), "no JWS envelope"),
    "COSE": (of(), Envelope(COSE, b"\xd2"), "sign with --signature-format jws"),
    "cosign's": (of(), GOOD, "the certificate of CN=ci,O=Example makes no such signatures"),
}


@pytest.mark.parametrize("what", BAD_NOTATION)
def test_what_notation_did_not_sign(what: str) -> None:
    known, found, why = BAD_NOTATION[what]
    assert why in judge(known, found, DIGEST).why


def test_an_expired_certificate_ends_what_it_signed() -> None:
    found = judge(of(), Envelope(JOSE, jws(certificate=EARLIER)), DIGEST)
    assert found.until == (TIME - timedelta(days=10)).timestamp()


@pytest.mark.parametrize(
    "said",
    [{"ca": "x", "subject": WHO}, {"ca": of().ca, "subject": ""}, {"ca": of().ca, "subject": "x"}],
    ids=["no certificate", "nobody", "no subject"],
)
def test_what_is_no_authority(said: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="certificate"):
        terms.read("notation", said)
