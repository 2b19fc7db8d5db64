"""A sigstore of the test's own: Fulcio's certificates, a certificate log, Rekor; by their formats.

Sources: fulcio's "oid-info.md" and "certificate-specification.md", RFC 6962, rekor's `dsse` v0.0.1,
sigstore's protobuf-specs.
"""

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.signatures.signed import curve, signing

from entrepot.signatures.dsse import IN_TOTO
from entrepot.signatures.found import BUNDLE
from entrepot.signatures.payload import COSIGN_SIGN
from entrepot.signatures.terms import Identity

ISSUER = "https://token.actions.githubusercontent.com"
BUILD = "https://github.com/team/app/.github/workflows/release.yml@refs/tags/v1.2"
TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""When things are signed, long ago by now."""

_SCT = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_USAGE = dict.fromkeys(
    [
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "encipher_only",
        "decipher_only",
    ],
    False,
)

Key = ec.EllipticCurvePrivateKey


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def spki(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **_USAGE)


def authority(key: Key, name: str = "fulcio") -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1)
        .not_valid_before(TIME - timedelta(days=365))
        .not_valid_after(TIME + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def statement(digest: str, kind: str = COSIGN_SIGN) -> bytes:
    """What cosign states of an image."""
    algorithm, _, digits = digest.partition(":")
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {algorithm: digits}}],
        "predicateType": kind,
    }
    return json.dumps(document).encode()


def envelope(key: Key, payload: bytes, kind: str = IN_TOTO) -> dict[str, Any]:
    """DSSE."""
    encoded = b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload)
    found = {"sig": b64(signing(key)(encoded))}
    return {"payload": b64(payload), "payloadType": kind, "signatures": [found]}


def by_key(key: Key, payload: bytes) -> bytes:
    """A bundle that is made with a key."""
    material = {"publicKey": {"hint": "x"}}
    document = {"mediaType": BUNDLE, "verificationMaterial": material}
    return json.dumps({**document, "dsseEnvelope": envelope(key, payload)}).encode()


@dataclass
class Sigstore:
    """Who vouches, and what they vouch for."""

    fulcio: Key = field(default_factory=curve)
    certificates: Key = field(default_factory=curve)
    """The key of the certificate log."""
    rekor: Key = field(default_factory=curve)

    def root(self) -> str:
        """What is trusted: trusted_root.json."""
        since = {"start": "2020-01-01T00:00:00Z"}

        def log(key: Key) -> dict[str, Any]:
            public = {
                "rawBytes": b64(spki(key)),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": since,
            }
            return {
                "baseUrl": "https://log.test",
                "hashAlgorithm": "SHA2_256",
                "publicKey": public,
                "logId": {"keyId": b64(hashlib.sha256(spki(key)).digest())},
            }

        der = authority(self.fulcio).public_bytes(Encoding.DER)
        fulcio = {
            "subject": {"organization": "test", "commonName": "fulcio"},
            "uri": "https://fulcio.test",
            "certChain": {"certificates": [{"rawBytes": b64(der)}]},
            "validFor": since,
        }
        document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.rekor)],
            "certificateAuthorities": [fulcio],
            "ctlogs": [log(self.certificates)],
            "timestampAuthorities": [],
        }
        return json.dumps(document)

    def identity(self, identity: str = BUILD, issuer: str = ISSUER) -> Identity:
        """Terms of a signer."""
        return Identity(issuer, identity, self.root())

    def certify(self, key: Key, identity: str, issuer: str) -> x509.Certificate:
        """A certificate for ten minutes, with the certificate log's stamp."""
        bare = self._certificate(key, identity, issuer)
        plain = bare.sign(self.fulcio, hashes.SHA256())
        stamp = self._stamp(plain.tbs_certificate_bytes)
        listed = x509.UnrecognizedExtension(_SCT, stamp)
        return bare.add_extension(listed, critical=False).sign(self.fulcio, hashes.SHA256())

    def _certificate(self, key: Key, identity: str, issuer: str) -> x509.CertificateBuilder:
        name = authority(self.fulcio).subject
        aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.fulcio.public_key())
        text = issuer.encode()
        said = x509.UnrecognizedExtension(_ISSUER, b"\x0c" + bytes([len(text)]) + text)
        uri = x509.UniformResourceIdentifier(identity)
        return (
            x509.CertificateBuilder(name, x509.Name([]), key.public_key(), 77)
            .not_valid_before(TIME)
            .not_valid_after(TIME + timedelta(minutes=10))
            .add_extension(usage(ca=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(aki, critical=False)
            .add_extension(x509.SubjectAlternativeName([uri]), critical=True)
            .add_extension(said, critical=False)
        )

    def _stamp(self, tbs: bytes) -> bytes:
        """RFC 6962, section 3: a list with one timestamp, as an octet string."""
        at = int(TIME.timestamp() * 1000)
        key = hashlib.sha256(spki(self.fulcio)).digest()
        signed = struct.pack("!BBQH", 0, 0, at, 1) + key
        signed += len(tbs).to_bytes(3) + tbs + b"\0\0"
        signature = signing(self.certificates)(signed)
        log = hashlib.sha256(spki(self.certificates)).digest()
        sct = b"\0" + log + struct.pack("!QHBBH", at, 0, 4, 3, len(signature)) + signature
        listed = struct.pack("!HH", len(sct) + 2, len(sct)) + sct
        return b"\x04" + bytes([len(listed)] if len(listed) < 128 else [0x81, len(listed)]) + listed

    def bundle(
        self,
        payload: bytes,
        identity: str = BUILD,
        issuer: str = ISSUER,
        at: datetime = TIME + timedelta(minutes=1),
    ) -> bytes:
        """What cosign attaches: all that it takes to verify."""
        key = curve()
        certificate = self.certify(key, identity, issuer)
        made = envelope(key, payload)
        document = {
            "mediaType": BUNDLE,
            "verificationMaterial": {
                "certificate": {"rawBytes": b64(certificate.public_bytes(Encoding.DER))},
                "tlogEntries": [self._entry(made, payload, certificate, int(at.timestamp()))],
            },
            "dsseEnvelope": made,
        }
        return json.dumps(document).encode()

    def _entry(
        self, made: dict[str, Any], payload: bytes, certificate: x509.Certificate, at: int
    ) -> dict[str, Any]:
        def hashed(text: bytes) -> dict[str, str]:
            return {"algorithm": "sha256", "value": hashlib.sha256(text).hexdigest()}

        by = {
            "signature": made["signatures"][0]["sig"],
            "verifier": b64(certificate.public_bytes(Encoding.PEM)),
        }
        spec = {
            "envelopeHash": hashed(json.dumps(made).encode()),
            "payloadHash": hashed(payload),
            "signatures": [by],
        }
        body = json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}).encode()
        log, root = hashlib.sha256(spki(self.rekor)).digest(), hashlib.sha256(b"\0" + body).digest()
        note = f"log.test\n1\n{b64(root)}\n"
        sign = signing(self.rekor)
        promised = {"body": b64(body), "integratedTime": at, "logID": log.hex(), "logIndex": 0}
        promise = json.dumps(promised, separators=(",", ":"), sort_keys=True).encode()
        proof = {
            "logIndex": "0",
            "rootHash": b64(root),
            "treeSize": "1",
            "hashes": [],
            "checkpoint": {
                "envelope": f"{note}\n\u2014 log.test {b64(log[:4] + sign(note.encode()))}\n"
            },
        }
        return {
            "logIndex": "0",
            "logId": {"keyId": b64(log)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": str(at),
            "inclusionPromise": {"signedEntryTimestamp": b64(sign(promise))},
            "inclusionProof": proof,
            "canonicalizedBody": b64(body),
        }
