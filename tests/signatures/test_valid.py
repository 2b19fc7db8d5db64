"""Whose signatures an image has: by what lies in its repository, and for which digest."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from tests.content import descriptor, dump, image
from tests.db.pushed import APP, OTHER, blob, manifest, settled
from tests.signatures.signed import (
    COSIGN_ARTIFACT,
    PrivateKey,
    curve,
    payload,
    pem,
    signature,
    signing,
    simple,
    tag_of,
)

from entrepot.db import blobs, repositories, signers, tags
from entrepot.db.blobs import Blob
from entrepot.db.connection import Connection
from entrepot.db.signers import Signer
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository, Tag
from entrepot.signatures import found, valid
from entrepot.signatures.evidence import Format, Signature, Unreadable
from entrepot.signatures.judge import Verdict
from entrepot.signatures.valid import Judged, Place

KEY = curve()
ANOTHER = image(config=b"another")


def know(db: Connection, key: PrivateKey, name: str = "ci", pattern: str = "team/*") -> None:
    terms = json.dumps({"pem": pem(key)})
    signers.put(db, Signer("team", name, pattern, "key", terms), "user:ada")


def pushed(db: Connection, document: dict[str, Any] | None = None, **more: Any) -> str:
    where: Repository = more.get("repository", APP)
    for part in (b"{}", b"another"):
        blob(db, part, where)
    return str(manifest(db, document or image(), **more))


def sign(
    db: Connection,
    digest: str,
    key: PrivateKey = KEY,
    *,
    signed: bytes | None = None,
    where: Repository = APP,
    referring: bool = False,
) -> None:
    """Push a signature of a digest, under cosign's tag or as a referrer."""
    text = signed or payload(digest)
    blob(db, text, where)
    blob(db, b"{}", where)
    layer = simple(text, signing(key))
    if referring:
        subject = {**descriptor(dump(image())), "mediaType": image()["mediaType"]}
        manifest(
            db, signature(layer, subject=subject, artifactType=COSIGN_ARTIFACT), repository=where
        )
    else:
        manifest(db, signature(layer), tag_of(digest), repository=where)


@pytest.mark.parametrize("referring", [False, True], ids=["tag", "referrer"])
def test_a_signature_is_its_signers(db: Connection, app: Place, referring: bool) -> None:
    digest = pushed(db)
    assert valid.signers(db, app, digest) == frozenset()
    sign(db, digest, referring=referring)
    assert valid.signers(db, app, digest) == frozenset()  # nobody knows the key
    know(db, KEY)
    know(db, curve(), "somebody")
    assert valid.signers(db, app, digest) == {"ci"}


def test_a_signature_that_goes_counts_no_more(db: Connection, app: Place) -> None:
    digest = pushed(db)
    sign(db, digest)
    know(db, KEY)
    assert valid.signers(db, app, digest) == {"ci"}
    tags.remove(db, APP, Tag(tag_of(digest)))
    assert valid.signers(db, app, digest) == frozenset()


def test_a_signer_who_goes_counts_no_more(db: Connection, app: Place) -> None:
    digest = pushed(db)
    sign(db, digest)
    know(db, KEY)
    assert valid.signers(db, app, digest) == {"ci"}
    know(db, curve())  # the key is replaced
    assert valid.signers(db, app, digest) == frozenset()
    know(db, KEY)
    assert signers.remove(db, "team", "ci")
    assert valid.signers(db, app, digest) == frozenset()


def test_a_signer_signs_for_the_repositories_of_a_pattern(db: Connection, app: Place) -> None:
    digest = pushed(db)
    sign(db, digest)
    know(db, KEY, pattern="team/other*")
    assert valid.signers(db, app, digest) == frozenset()
    know(db, KEY, pattern="team/a*")
    assert valid.signers(db, app, digest) == {"ci"}


def test_a_signature_is_of_the_digest_that_it_signs(db: Connection, app: Place) -> None:
    digest, another = pushed(db), pushed(db, ANOTHER)
    know(db, KEY)
    sign(db, another, signed=payload(digest))  # copied to another image
    assert valid.signers(db, app, another) == frozenset()
    assert valid.signers(db, app, digest) == frozenset()


def test_an_image_is_copied_with_its_signatures(db: Connection) -> None:
    know(db, KEY)
    digest = pushed(db, repository=OTHER)
    other = (repositories.ensure(db, OTHER), OTHER)
    sign(db, digest, where=APP)  # which is of use there alone
    assert valid.signers(db, other, digest) == frozenset()
    sign(db, digest, where=OTHER)
    assert valid.signers(db, other, digest) == {"ci"}


@pytest.mark.parametrize(
    "key",
    [
        curve(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-384", "Ed25519", "RSA"],
)
def test_keys(db: Connection, app: Place, key: PrivateKey) -> None:
    digest = pushed(db)
    sign(db, digest, key)
    know(db, key)
    assert valid.signers(db, app, digest) == {"ci"}


def test_pss_and_a_curves_own_hash_are_taken(db: Connection, app: Place) -> None:
    digest = pushed(db)
    blob(db, payload(digest))
    strong, old = curve(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
    layers = [
        simple(payload(digest), lambda text: strong.sign(text, ec.ECDSA(hashes.SHA384()))),
        simple(payload(digest), lambda text: old.sign(text, pss, hashes.SHA256())),
    ]
    manifest(db, signature(*layers), tag_of(digest))
    know(db, strong, "strong")
    know(db, old, "old")
    assert valid.signers(db, app, digest) == {"strong", "old"}


def test_what_is_huge_is_told_and_not_read(db: Connection, app: Place) -> None:
    digest = pushed(db)
    know(db, KEY)
    huge = payload(digest, padding="x" * 20_000)
    name = "huge"
    pieces_digest = Digest.of(huge)
    settled(db, name, name, len(huge))
    blobs.add(db, APP, pieces_digest, Blob(len(huge), None, name), renew=False)
    manifest(db, signature(simple(huge, signing(KEY))), tag_of(digest))
    [judged] = valid.judged(db, app, digest)
    assert judged.why() == f"{len(huge)} bytes are too many: a signature has 16384 at most"


def test_a_flood_of_signatures_is_looked_at_in_part(db: Connection, app: Place) -> None:
    digest = pushed(db)
    know(db, KEY)
    blob(db, payload(digest))
    other = simple(payload(digest), signing(curve()))
    manifest(db, signature(*[other] * 500), tag_of(digest))
    assert len(valid.judged(db, app, digest)) == found.MOST


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [descriptor(b"{}")],
        [descriptor(b"{}", found.SIMPLE)],
        [descriptor(b"{}", found.SIMPLE, annotations={"dev.cosignproject.cosign/signature": "x"})],
        [descriptor(b"{}", found.SIMPLE, annotations={"a": "x" * 100_000})],
    ],
    ids=["no layers", "another type", "no annotations", "an empty payload", "large annotations"],
)
def test_what_is_no_signature(db: Connection, app: Place, layers: list[Any]) -> None:
    digest = pushed(db)
    know(db, KEY)
    manifest(db, signature(*layers), tag_of(digest))
    assert valid.signers(db, app, digest) == frozenset()
    assert all(each.why() for each in valid.judged(db, app, digest))


@pytest.mark.parametrize(
    ("verdict", "why"),
    [
        (Verdict(), ""),
        (Verdict(since=0, until=4e9), ""),
        (Verdict(until=1e9), "its certificate has expired"),
        (Verdict(since=4e9, until=5e9), "it is not valid yet"),
        (Verdict("another key made it", until=1e9), "another key made it"),
    ],
    ids=["for ever", "now", "until 2001", "from 2096", "never"],
)
def test_what_ends_with_a_certificate(verdict: Verdict, why: str) -> None:
    signature = Signature("sha256:x", Format.NOTATION, Unreadable(""))
    assert Judged(signature, "ops", verdict).why() == why
